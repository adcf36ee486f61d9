/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.TextNode;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.format.DateTimeFormatter;
import java.time.format.DateTimeParseException;
import java.util.Arrays;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Reads typed fields of one JSON object; every complaint names the field. */
final class Fields {
  /** Longest text of a field, in characters. */
  private static final int MAX_TEXT = 4096;

  /** What RFC 3339 can write, in UTC. */
  private static final Instant EARLIEST = Instant.parse("0000-01-01T00:00:00Z");

  private static final Instant LATEST = Instant.parse("9999-12-31T23:59:59.999999999Z");

  private final @Nullable JsonNode object;
  private final @Nullable PlainObject plain;

  Fields(JsonNode object) {
    this.object = object;
    this.plain = null;
  }

  Fields(PlainObject plain) {
    this.object = null;
    this.plain = plain;
  }

  String text(String field) throws EventFormatException {
    String text = optionalText(field);
    if (text == null) {
      throw new EventFormatException(field, "missing; it is required");
    }
    return text;
  }

  @Nullable String optionalText(String field) throws EventFormatException {
    String text = plain != null ? plain.get(field) : parsedText(field);
    if (text == null) {
      return null;
    }
    if (text.isBlank()) {
      throw new EventFormatException(field, "is empty; give a value or leave the field out");
    }
    if (text.length() > MAX_TEXT) {
      throw new EventFormatException(
          field, "is " + text.length() + " characters long; at most " + MAX_TEXT + " are allowed");
    }
    if (plain == null && !isWhole(text)) {
      // JSON can spell it, UTF-8 can't: other readers would choke on what is derived from it.
      throw new EventFormatException(
          field, "has half a character (an unpaired surrogate); send whole ones");
    }
    return text;
  }

  private @Nullable String parsedText(String field) throws EventFormatException {
    JsonNode node = present(field);
    if (node == null) {
      return null;
    }
    if (!node.isTextual()) {
      throw new EventFormatException(field, "is " + kind(node) + "; make it a string");
    }
    return node.textValue();
  }

  /** Makes a text of the worker's own one that {@link #text} takes, whatever an engine put in. */
  static String fitting(String text) {
    String whole = isWhole(text) ? text : text.replaceAll("[\\x{d800}-\\x{dfff}]", "?");
    if (whole.length() <= MAX_TEXT) {
      return whole;
    }
    int end = MAX_TEXT - 1;
    return whole.substring(0, Character.isHighSurrogate(whole.charAt(end - 1)) ? end - 1 : end)
        + "…";
  }

  private static boolean isWhole(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (Character.isSurrogate(text.charAt(i))
          && (i + 1 == text.length()
              || !Character.isSurrogatePair(text.charAt(i), text.charAt(++i)))) {
        return false;
      }
    }
    return true;
  }

  UserId userId() throws EventFormatException {
    try {
      return UserId.parse(text("user_id"));
    } catch (IllegalArgumentException e) {
      throw new EventFormatException("user_id", String.valueOf(e.getMessage()));
    }
  }

  Instant instant(String field) throws EventFormatException {
    Instant instant = optionalInstant(field);
    if (instant == null) {
      throw new EventFormatException(field, "missing; it is required");
    }
    return instant;
  }

  @Nullable Instant optionalInstant(String field) throws EventFormatException {
    String text = optionalText(field);
    if (text == null) {
      return null;
    }
    Instant plainly = PlainInstant.read(text);
    if (plainly != null) {
      return plainly;
    }
    try {
      Instant instant =
          OffsetDateTime.parse(text, DateTimeFormatter.ISO_OFFSET_DATE_TIME).toInstant();
      if (instant.isBefore(EARLIEST) || instant.isAfter(LATEST)) {
        throw new EventFormatException(field, "has a year outside 0000 to 9999");
      }
      return instant;
    } catch (DateTimeParseException _) {
      throw new EventFormatException(
          field,
          "is no RFC 3339 time: " + UserId.quote(text) + "; write e.g. 2026-11-24T12:00:00Z");
    }
  }

  long nonNegative(String field) throws EventFormatException {
    JsonNode node = present(field);
    if (node == null) {
      throw new EventFormatException(field, "missing; it is required");
    }
    return nonNegative(field, node);
  }

  @Nullable Duration optionalSeconds(String field) throws EventFormatException {
    JsonNode node = present(field);
    return node == null ? null : Duration.ofSeconds(nonNegative(field, node));
  }

  private static long nonNegative(String field, JsonNode node) throws EventFormatException {
    if (!node.isIntegralNumber() || !node.canConvertToLong() || node.longValue() < 0) {
      throw new EventFormatException(field, "is no whole number from 0 up");
    }
    return node.longValue();
  }

  @Nullable Integer optionalInt(String field) throws EventFormatException {
    JsonNode node = present(field);
    if (node == null) {
      return null;
    }
    if (!node.isIntegralNumber() || !node.canConvertToInt()) {
      throw new EventFormatException(field, "is no whole number");
    }
    return node.intValue();
  }

  boolean bool(String field) throws EventFormatException {
    Boolean value = optionalBool(field);
    if (value == null) {
      throw new EventFormatException(field, "missing; it is required");
    }
    return value;
  }

  @Nullable Boolean optionalBool(String field) throws EventFormatException {
    JsonNode node = present(field);
    if (node == null) {
      return null;
    }
    if (!node.isBoolean()) {
      throw new EventFormatException(field, "is " + kind(node) + "; make it true or false");
    }
    return node.booleanValue();
  }

  <E extends Enum<E> & WireName> E oneOf(String field, E[] values) throws EventFormatException {
    String text = text(field);
    for (E value : values) {
      if (value.wire().equals(text)) {
        return value;
      }
    }
    String allowed = Arrays.stream(values).map(WireName::wire).collect(Collectors.joining(", "));
    throw new EventFormatException(
        field, "is " + UserId.quote(text) + "; it must be one of " + allowed);
  }

  /** The node, or null where the field is absent or JSON null: both mean «not given». */
  private @Nullable JsonNode present(String field) {
    if (plain != null) {
      String text = plain.get(field);
      return text == null ? null : TextNode.valueOf(text);
    }
    JsonNode node = object == null ? null : object.get(field);
    return node == null || node.isNull() ? null : node;
  }

  private static String kind(JsonNode node) {
    return switch (node.getNodeType()) {
      case ARRAY -> "an array";
      case OBJECT, POJO -> "an object";
      case NUMBER -> "a number";
      case BOOLEAN -> "a boolean";
      case STRING -> "a string";
      case BINARY, NULL, MISSING -> "nothing";
    };
  }
}
