/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.mcp;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.databind.JsonNode;
import io.modelcontextprotocol.spec.McpSchema.CallToolResult;
import io.modelcontextprotocol.spec.McpSchema.ImageContent;
import io.zcbot.sandbox.gateway.interpreter.Interpreter;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;

/** What code in the interpreter prints, returns and draws, as a model is shown it. */
final class PythonAnswer implements Interpreter.Answer {
  /** How much output is kept; what follows is dropped. */
  private static final int MOST_KEPT = 256 * 1024;

  /** The longest line that is read, and how long all pictures may be together, in base64. */
  private static final int MOST_PICTURES = 4 << 20;

  /** How long a line is for which no room is made, which few are. */
  private static final int SMALL_LINE = 64 << 10;

  /** What each byte of a line takes while it is read. */
  private static final int FACTOR_OF_LINE = 2;

  /** What each character of a picture takes until it is sent. */
  private static final int FACTOR_OF_PICTURE = 3;

  private static final Pattern COLOURS = Pattern.compile("\u001b\\[[0-9;]*m");

  private final Call call;
  private final ByteArrayOutputStream line = new ByteArrayOutputStream();
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream errors = new ByteArrayOutputStream();
  private final List<String> pictures = new ArrayList<>();
  private int picturesLength;
  private int roomForLine = SMALL_LINE;
  private boolean isDropping;
  private boolean isIncomplete;

  PythonAnswer(Call call) {
    this.call = call;
  }

  @Override
  public void part(byte[] bytes) {
    for (byte next : bytes) {
      if (next == '\n') {
        if (!isDropping) {
          take(line.toByteArray());
        }
        line.reset();
        isDropping = false;
      } else if (line.size() == roomForLine && !growRoom()) {
        isDropping = true;
        isIncomplete = true;
      } else {
        line.write(next);
      }
    }
  }

  /** Makes room for a line that is twice as long. */
  private boolean growRoom() {
    if (roomForLine == MOST_PICTURES || !call.takeRoom((long) FACTOR_OF_LINE * roomForLine)) {
      return false;
    }
    roomForLine *= 2;
    return true;
  }

  private void take(byte[] json) {
    JsonNode event;
    try {
      event = McpEndpoint.JSON.readTree(json);
    } catch (JacksonException e) {
      isIncomplete = true;
      return;
    } catch (IOException e) {
      throw new AssertionError(e); // it is in memory
    }
    switch (event.path("type").asText()) {
      case "stdout" -> printed(out, event.path("text").asText());
      case "stderr" -> printed(errors, event.path("text").asText());
      case "error" ->
          printed(
              out,
              event.path("traceback").asText().isEmpty()
                  ? event.path("name").asText() + ": " + event.path("value").asText() + "\n"
                  : COLOURS.matcher(event.path("traceback").asText()).replaceAll("") + "\n");
      case "result" -> result(event);
      default -> {
        // what only E2B's clients use
      }
    }
  }

  private void result(JsonNode event) {
    String picture = event.path("png").asText();
    if (picture.isEmpty()) {
      printed(out, event.path("text").asText() + "\n");
    } else if (picturesLength + picture.length() > MOST_PICTURES
        || !call.takeRoom((long) FACTOR_OF_PICTURE * picture.length())) {
      isIncomplete = true;
    } else {
      picturesLength += picture.length();
      pictures.add(picture.replace("\n", ""));
    }
  }

  private void printed(ByteArrayOutputStream to, String text) {
    call.progress(text);
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    int kept = Math.min(bytes.length, MOST_KEPT - to.size());
    to.write(bytes, 0, kept);
    isIncomplete |= kept < bytes.length;
  }

  /** Returns what was printed so far. */
  String text() {
    return Tools.output(out.toByteArray(), errors.toByteArray(), isIncomplete);
  }

  CallToolResult result() {
    CallToolResult.Builder result = CallToolResult.builder().isError(false);
    String text = text();
    if (!text.isEmpty() || pictures.isEmpty()) {
      var _ = result.addTextContent(text.isEmpty() ? "[no output]" : text);
    }
    for (String picture : pictures) {
      var _ = result.addContent(ImageContent.builder(picture, "image/png").build());
    }
    return result.build();
  }
}
