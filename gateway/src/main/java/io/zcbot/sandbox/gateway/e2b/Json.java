/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.helidon.webserver.http.ServerRequest;
import io.zcbot.sandbox.gateway.BodyMemory;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Reads and writes JSON within bounds. */
final class Json {
  private static final int MAX_DEPTH = 50;

  /** A token of two bytes, such as an empty object, takes some 80 in a tree. */
  private static final int MAX_TOKENS = 100_000;

  static final ObjectMapper MAPPER =
      JsonMapper.builder(
              com.fasterxml.jackson.core.JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNestingDepth(MAX_DEPTH)
                          .maxTokenCount(MAX_TOKENS)
                          .build())
                  .build())
          .build();

  private Json() {}

  /**
   * Reads the body of a request, whatever its headers say of its length.
   *
   * @throws E2bException with 413 if it has more bytes, 400 if it is not an object; an empty body
   *     is an empty object
   */
  static ObjectNode body(ServerRequest request, int maxBytes) {
    return object(bytes(request, maxBytes));
  }

  static byte[] bytes(ServerRequest request, int maxBytes) {
    try (InputStream in = request.content().inputStream()) {
      byte[] bytes = BodyMemory.of(request).read(in, maxBytes);
      if (bytes == null) {
        throw new E2bException(429, BodyMemory.FULL, 1);
      }
      if (bytes.length > maxBytes) {
        throw new E2bException(413, "the body has more than " + maxBytes + " bytes");
      }
      return bytes;
    } catch (IOException e) {
      throw new E2bException(400, "the body can't be read: " + e.getMessage());
    }
  }

  static ObjectNode object(byte[] bytes) {
    if (bytes.length == 0) {
      return MAPPER.createObjectNode();
    }
    try {
      if (MAPPER.readTree(bytes) instanceof ObjectNode object) {
        return object;
      }
      throw new E2bException(400, "the body is not a JSON object");
    } catch (JacksonException e) {
      throw new E2bException(400, "the body is not JSON: " + e.getOriginalMessage());
    } catch (IOException e) {
      throw new E2bException(400, "the body is not JSON: " + e.getMessage());
    }
  }

  static byte[] write(JsonNode node) {
    try {
      return MAPPER.writeValueAsBytes(node);
    } catch (JacksonException e) {
      throw new AssertionError(e); // trees can be written
    }
  }

  static String text(Map<String, String> map) {
    ObjectNode node = MAPPER.createObjectNode();
    map.forEach(node::put);
    return node.toString();
  }

  /** Reads what {@link #text} wrote; empty if it is something else. */
  static Map<String, String> map(@Nullable String text) {
    Map<String, String> map = new LinkedHashMap<>();
    if (text != null) {
      try {
        MAPPER
            .readTree(text)
            .properties()
            .forEach(entry -> map.put(entry.getKey(), entry.getValue().asText()));
      } catch (JacksonException e) {
        return Map.of();
      }
    }
    return map;
  }

  /**
   * Returns a field that is an object of texts; empty if it is missing or null.
   *
   * @throws E2bException with 400 if it is something else
   */
  static Map<String, String> texts(JsonNode in, String field) {
    JsonNode node = in.path(field);
    Map<String, String> map = new LinkedHashMap<>();
    if (node.isMissingNode() || node.isNull()) {
      return map;
    }
    if (!node.isObject()) {
      throw new E2bException(400, field + " is not an object");
    }
    node.properties()
        .forEach(
            entry -> {
              if (!entry.getValue().isTextual()) {
                throw new E2bException(400, field + "." + entry.getKey() + " is not a string");
              }
              map.put(entry.getKey(), entry.getValue().textValue());
            });
    return map;
  }

  /**
   * Returns a field that is an array of texts; empty if it is missing or null.
   *
   * @throws E2bException with 400 if it is something else
   */
  static List<String> list(JsonNode in, String field) {
    JsonNode node = in.path(field);
    List<String> list = new ArrayList<>();
    if (node.isMissingNode() || node.isNull()) {
      return list;
    }
    if (!node.isArray()) {
      throw new E2bException(400, field + " is not an array");
    }
    for (JsonNode each : node) {
      if (!each.isTextual()) {
        throw new E2bException(400, field + " has something else than strings");
      }
      list.add(each.textValue());
    }
    return list;
  }

  /** Returns a field's text; null if it is missing or null. */
  static @Nullable String optionalText(JsonNode in, String field) {
    JsonNode node = in.path(field);
    if (node.isMissingNode() || node.isNull()) {
      return null;
    }
    if (!node.isTextual()) {
      throw new E2bException(400, field + " is not a string");
    }
    return node.textValue();
  }

  /** Returns a field's text. */
  static String text(JsonNode in, String field) {
    String text = optionalText(in, field);
    if (text == null) {
      throw new E2bException(400, field + " is missing");
    }
    return text;
  }

  /** Returns a whole number, which may be a string as in proto3 JSON; null if it is missing. */
  static @Nullable Long optionalNumber(JsonNode in, String field) {
    JsonNode node = in.path(field);
    if (node.isMissingNode() || node.isNull()) {
      return null;
    }
    if (node.isIntegralNumber() && node.canConvertToLong()) {
      return node.longValue();
    }
    if (node.isTextual()) {
      try {
        return Long.valueOf(node.textValue());
      } catch (NumberFormatException e) {
        // told below
      }
    }
    throw new E2bException(400, field + " is not a whole number");
  }

  /** Returns a truth value; {@code otherwise} if it is missing. */
  static boolean flag(JsonNode in, String field, boolean otherwise) {
    JsonNode node = in.path(field);
    if (node.isMissingNode() || node.isNull()) {
      return otherwise;
    }
    if (!node.isBoolean()) {
      throw new E2bException(400, field + " is not true or false");
    }
    return node.booleanValue();
  }
}
