/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.init;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads the output of a container's first process (a sandbox's init or a helper's program) from an
 * attach stream, until it reports ready or failed. The stream consists of frames: an eight-byte
 * header (stream number, three zeros, length) and a piece of output. The length and the number of
 * remembered lines are bounded. Used by one thread.
 */
public final class InitOutput {
  private static final String READY = "zcbot-sandbox ready";
  private static final String SLOT_READY = "zcbot-slot ready";
  private static final String FAILED = "zcbot-sandbox failed";
  private static final int MAX_LINE = 1024;
  private static final int MAX_LINES = 8;

  private final StringBuilder stdout = new StringBuilder();
  private final StringBuilder stderr = new StringBuilder();
  private final Deque<String> lines = new ArrayDeque<>();

  /** The result that init reported. */
  public sealed interface Verdict {
    /** The firewall is in force. {@code fields} are the details of the ready line, as key=value. */
    record Ready(Map<String, String> fields) implements Verdict {}

    /** The firewall is in force in a slot, and the slot sees later mounts. */
    record SlotReady() implements Verdict {}

    /** Init could not put the firewall in force or check the mounts. */
    record Failed(FailureCode code, String reason) implements Verdict {}

    /**
     * The output ended without a result. {@code last} are its last lines, empty if there were none.
     */
    record Silent(String last) implements Verdict {}
  }

  /**
   * Blocks until init has reported a result or the stream ends.
   *
   * @throws IOException if the stream breaks or is malformed
   */
  static Verdict read(InputStream body) throws IOException {
    InitOutput output = new InitOutput();
    byte[] buffer = new byte[4096];
    while (true) {
      int stream = body.read();
      if (stream < 0) {
        return output.end();
      }
      if (stream > 2) {
        throw new IOException("attach stream with a frame of unknown type " + stream);
      }
      byte[] header = body.readNBytes(7);
      if (header.length < 7) {
        throw new EOFException("attach stream ended within a frame");
      }
      long left =
          (header[3] & 0xffL) << 24
              | (header[4] & 0xffL) << 16
              | (header[5] & 0xffL) << 8
              | (header[6] & 0xffL);
      while (left > 0) {
        int read = body.read(buffer, 0, (int) Math.min(buffer.length, left));
        if (read < 0) {
          throw new EOFException("attach stream ended within a frame");
        }
        left -= read;
        Verdict verdict = output.take(stream == 2, buffer, read);
        if (verdict != null) {
          return verdict;
        }
      }
    }
  }

  private @Nullable Verdict take(boolean error, byte[] bytes, int length) {
    StringBuilder line = error ? stderr : stdout;
    for (int i = 0; i < length; i++) {
      if (bytes[i] != '\n') {
        // longer lines are cut; bytes are decoded as UTF-8 only when the line is complete
        if (line.length() < MAX_LINE) {
          line.append((char) (bytes[i] & 0xff));
        }
        continue;
      }
      String said = text(line);
      line.setLength(0);
      // Only stdout counts: other tools than init write to stderr.
      if (!error && said.startsWith(READY)) {
        return new Verdict.Ready(fields(said.substring(READY.length())));
      }
      if (!error && said.startsWith(SLOT_READY)) {
        return new Verdict.SlotReady();
      }
      if (!error && said.startsWith(FAILED)) {
        return failed(said.substring(FAILED.length()));
      }
      remember(said);
    }
    return null;
  }

  private static Map<String, String> fields(String text) {
    Map<String, String> fields = new LinkedHashMap<>();
    for (String field : text.strip().split(" ", -1)) {
      int equals = field.indexOf('=');
      if (equals > 0) {
        fields.put(field.substring(0, equals), field.substring(equals + 1));
      }
    }
    return fields;
  }

  private static Verdict failed(String text) {
    int colon = text.indexOf(':');
    String code = colon < 0 ? "" : text.substring(0, colon).strip();
    return new Verdict.Failed(FailureCode.of(code), text.substring(colon + 1).strip());
  }

  private Verdict end() {
    remember(text(stdout));
    remember(text(stderr));
    return new Verdict.Silent(String.join(" | ", lines));
  }

  private void remember(String line) {
    if (line.isBlank()) {
      return;
    }
    lines.add(line.strip());
    if (lines.size() > MAX_LINES) {
      lines.remove();
    }
  }

  private static String text(StringBuilder line) {
    return new String(
        line.toString().getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8);
  }
}
