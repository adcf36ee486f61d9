/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import com.fasterxml.jackson.core.JacksonException;
import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The fields of one JSON object, read by type; every error names the field. Nested values are
 * skipped, so hostile input does not create a tree of objects.
 */
final class Fields {
  /** The range of times that RFC 3339 can represent, in UTC. */
  private static final Instant EARLIEST = Instant.parse("0000-01-01T00:00:00Z");

  private static final Instant LATEST = Instant.parse("9999-12-31T23:59:59.999999999Z");

  private static final JsonFactory JSON =
      JsonFactory.builder()
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(16)
                  .maxStringLength(EventCodec.MAX_BYTES)
                  .maxNumberLength(64)
                  .build())
          .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
          // Field names are input: they must not fill tables that outlive the record.
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .build();

  private record Value(JsonToken token, String text) {}

  private final Map<String, Value> values;

  private Fields(Map<String, Value> values) {
    this.values = values;
  }

  /** Reads the record value, which must be one JSON object in UTF-8. */
  static Fields parse(byte @Nullable [] value) throws EventFormatException {
    if (value == null) {
      throw new EventFormatException("value", "missing; send a JSON object");
    }
    if (value.length > EventCodec.MAX_BYTES) {
      throw new EventFormatException(
          "value",
          "is " + value.length + " bytes; at most " + EventCodec.MAX_BYTES + " are allowed");
    }
    // Decoded first: given bytes, Jackson would accept UTF-16, UTF-32 and malformed UTF-8.
    try (JsonParser json = JSON.createParser(utf8("value", value))) {
      if (json.nextToken() != JsonToken.START_OBJECT) {
        throw new EventFormatException("value", "is not a JSON object; send {\"user_id\": …}");
      }
      Map<String, Value> values = new HashMap<>();
      for (String name = json.nextFieldName(); name != null; name = json.nextFieldName()) {
        JsonToken token = json.nextToken();
        boolean nested = token.isStructStart();
        if (values.put(name, new Value(token, nested ? "" : json.getText())) != null) {
          throw new EventFormatException(
              "value", "has the field " + UntrustedText.quote(name) + " twice; send it once");
        }
        if (nested) {
          json.skipChildren();
        }
      }
      if (json.nextToken() != null) {
        throw new EventFormatException("value", "has content after its JSON object; remove it");
      }
      return new Fields(values);
    } catch (JacksonException e) {
      throw new EventFormatException(
          "value", "is not JSON: " + UntrustedText.quote(e.getOriginalMessage()) + at(e));
    } catch (IOException e) {
      throw new UncheckedIOException("reading from memory failed", e);
    }
  }

  private static String at(JacksonException e) {
    JsonLocation at = e.getLocation(); // null where a limit was exceeded
    return at == null ? "" : " (line " + at.getLineNr() + ", column " + at.getColumnNr() + ")";
  }

  /** The text, if the bytes are well-formed UTF-8. */
  static String utf8(String field, byte[] bytes) throws EventFormatException {
    String text = new String(bytes, StandardCharsets.UTF_8);
    if (text.indexOf('\ufffd') < 0) {
      return text; // nothing was replaced, as in nearly all records
    }
    try {
      return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException _) {
      throw new EventFormatException(field, "is not UTF-8");
    }
  }

  String text(String field) throws EventFormatException {
    return required(field, optionalText(field));
  }

  /** An identifier or a name: text without control characters. */
  @Nullable String optionalText(String field) throws EventFormatException {
    String text = optionalProse(field);
    if (text != null && UntrustedText.isUnsafe(text)) {
      throw new EventFormatException(
          field,
          "has a control or invisible character: " + UntrustedText.quote(text) + "; remove it");
    }
    return text;
  }

  /** A text for people to read: it may have several lines. */
  String prose(String field) throws EventFormatException {
    return required(field, optionalProse(field));
  }

  private @Nullable String optionalProse(String field) throws EventFormatException {
    Value value = given(field);
    if (value == null) {
      return null;
    }
    if (value.token() != JsonToken.VALUE_STRING) {
      throw new EventFormatException(field, "is " + kind(value) + "; make it a string");
    }
    String text = value.text();
    if (text.isBlank()) {
      throw new EventFormatException(field, "is empty; give a value or leave the field out");
    }
    if (text.length() > UntrustedText.MAX_LENGTH) {
      throw new EventFormatException(
          field,
          "is "
              + text.length()
              + " characters long; at most "
              + UntrustedText.MAX_LENGTH
              + " are allowed");
    }
    if (!UntrustedText.whole(text).equals(text)) {
      // JSON can write it, UTF-8 can't: other readers would fail on what is derived from it.
      throw new EventFormatException(field, "has an unpaired surrogate; send complete characters");
    }
    return text;
  }

  UserId userId() throws EventFormatException {
    try {
      return UserId.parse(text("user_id"));
    } catch (IllegalArgumentException e) {
      throw new EventFormatException("user_id", String.valueOf(e.getMessage()));
    }
  }

  Instant instant(String field) throws EventFormatException {
    return required(field, optionalInstant(field));
  }

  @Nullable Instant optionalInstant(String field) throws EventFormatException {
    String text = optionalText(field);
    if (text == null) {
      return null;
    }
    try {
      Instant instant = OffsetDateTime.parse(text).toInstant();
      if (instant.isBefore(EARLIEST) || instant.isAfter(LATEST)) {
        throw new EventFormatException(field, "has a year outside 0000 to 9999");
      }
      return instant;
    } catch (DateTimeException _) {
      throw new EventFormatException(
          field,
          "is not an RFC 3339 time: "
              + UntrustedText.quote(text)
              + "; write e.g. 2026-11-24T12:00:00Z");
    }
  }

  long nonNegative(String field) throws EventFormatException {
    return required(field, optionalNonNegative(field));
  }

  @Nullable Duration optionalSeconds(String field) throws EventFormatException {
    Long seconds = optionalNonNegative(field);
    return seconds == null ? null : Duration.ofSeconds(seconds);
  }

  private @Nullable Long optionalNonNegative(String field) throws EventFormatException {
    Long number = optionalLong(field, "is not a whole number of 0 or more");
    if (number != null && number < 0) {
      throw new EventFormatException(field, "is not a whole number of 0 or more");
    }
    return number;
  }

  @Nullable Integer optionalInt(String field) throws EventFormatException {
    Long number = optionalLong(field, "is not a whole number");
    if (number != null && number != number.intValue()) {
      throw new EventFormatException(field, "is not a whole number");
    }
    return number == null ? null : number.intValue();
  }

  private @Nullable Long optionalLong(String field, String problem) throws EventFormatException {
    Value value = given(field);
    if (value == null) {
      return null;
    }
    try {
      if (value.token() == JsonToken.VALUE_NUMBER_INT) {
        return Long.valueOf(value.text());
      }
    } catch (NumberFormatException _) {
      // beyond 64 bits
    }
    throw new EventFormatException(field, problem);
  }

  boolean bool(String field) throws EventFormatException {
    return required(field, optionalBool(field));
  }

  @Nullable Boolean optionalBool(String field) throws EventFormatException {
    Value value = given(field);
    if (value == null) {
      return null;
    }
    if (!value.token().isBoolean()) {
      throw new EventFormatException(field, "is " + kind(value) + "; make it true or false");
    }
    return value.token() == JsonToken.VALUE_TRUE;
  }

  <E extends Enum<E> & WireName> E oneOf(String field, E[] values) throws EventFormatException {
    return required(field, optionalOneOf(field, values));
  }

  <E extends Enum<E> & WireName> @Nullable E optionalOneOf(String field, E[] values)
      throws EventFormatException {
    String text = optionalText(field);
    if (text == null) {
      return null;
    }
    for (E value : values) {
      if (value.wire().equals(text)) {
        return value;
      }
    }
    String allowed = Arrays.stream(values).map(WireName::wire).collect(Collectors.joining(", "));
    throw new EventFormatException(
        field, "is " + UntrustedText.quote(text) + "; it must be one of " + allowed);
  }

  private static <T> T required(String field, @Nullable T value) throws EventFormatException {
    if (value == null) {
      throw new EventFormatException(field, "missing; it is required");
    }
    return value;
  }

  /** The value, or null where the field is absent or JSON null: both mean «not given». */
  private @Nullable Value given(String field) {
    Value value = values.get(field);
    return value == null || value.token() == JsonToken.VALUE_NULL ? null : value;
  }

  private static String kind(Value value) {
    return switch (value.token()) {
      case START_ARRAY -> "an array";
      case START_OBJECT -> "an object";
      case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> "a number";
      case VALUE_TRUE, VALUE_FALSE -> "a boolean";
      case VALUE_STRING -> "a string";
      default -> throw new IllegalStateException("not the value of a field: " + value);
    };
  }
}
