/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;

/**
 * Hides users' data in events before they are shown: what commands read and write, and the values
 * of their environment variables.
 */
final class CommandData {
  private static final List<String> FIELDS = List.of("stdin", "stdout", "stderr", "data");
  private static final String BASE64 = "_base64";

  private CommandData() {}

  /**
   * Replaces users' data in an event by its length, and the values of variables by an ellipsis.
   * Changes the given object.
   */
  static JsonNode hidden(JsonNode event) throws IOException {
    if (event instanceof ObjectNode json) {
      for (String field : FIELDS) {
        JsonNode text = json.remove(field);
        JsonNode base64 = json.remove(field + BASE64);
        if (text != null) {
          json.put(field + "_bytes", text.textValue().getBytes(StandardCharsets.UTF_8).length);
        } else if (base64 != null) {
          json.put(field + "_bytes", base64.binaryValue().length);
        }
      }
      if (json.get("env") instanceof ObjectNode variables) {
        variables.fieldNames().forEachRemaining(name -> variables.put(name, "…"));
      }
    }
    return event;
  }
}
