/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import com.fasterxml.jackson.core.JsonToken;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** The fields of one JSON object, read by type. Every error names the field. */
final class Fields {
  /** The range of times that RFC 3339 can represent, in UTC. */
  private static final Instant EARLIEST = Instant.parse("0000-01-01T00:00:00Z");

  private static final Instant LATEST = Instant.parse("9999-12-31T23:59:59.999999999Z");

  private final String prefix;
  private final Map<String, FieldValue> values;
  private final @Nullable String envelopeId;

  Fields(String prefix, Map<String, FieldValue> values) {
    this(prefix, values, null);
  }

  private Fields(String prefix, Map<String, FieldValue> values, @Nullable String envelopeId) {
    this.prefix = prefix;
    this.values = values;
    this.envelopeId = envelopeId;
  }

  /** Returns the same fields with the id of the envelope around them. */
  Fields inEnvelope(@Nullable String id) {
    return new Fields(prefix, values, id);
  }

  /** Returns the id of the envelope around the fields; null if there is none. */
  @Nullable String envelopeId() {
    return envelopeId;
  }

  /** Returns a field's name, preceded by the names of the objects that contain it. */
  String path(String field) {
    return prefix + field;
  }

  /** Parses the value of a topic's record, which must be one JSON object in UTF-8. */
  static Fields parse(byte @Nullable [] value, Topic topic) throws EventFormatException {
    return parse(value, topic, Map.of());
  }

  /**
   * As {@link #parse(byte[], Topic)}, with nested values.
   *
   * @param wanted fields whose arrays or objects are read
   */
  static Fields parse(byte @Nullable [] value, Topic topic, Map<String, FieldParser.Wanted> wanted)
      throws EventFormatException {
    return new Fields("", FieldParser.parse(value, topic, wanted));
  }

  /** Reads the fields of a nested object; null if there is none. */
  @Nullable Fields optionalObject(String field) throws EventFormatException {
    FieldValue value = given(field);
    if (value == null) {
      return null;
    }
    if (value.token() != JsonToken.START_OBJECT) {
      throw refusal(field, "is " + value.kind() + "; make it an object");
    }
    return nested(field + ".", value);
  }

  /** Reads the fields of each object of an array; none if there is no array. */
  List<Fields> objects(String field) throws EventFormatException {
    FieldValue value = given(field);
    if (value == null) {
      return List.of();
    }
    if (value.token() != JsonToken.START_ARRAY) {
      throw refusal(field, "is " + value.kind() + "; make it an array of objects");
    }
    List<Fields> objects = new ArrayList<>();
    for (FieldValue.Member member : value.members()) {
      String name = field + "[" + objects.size() + "]";
      if (member.value().token() != JsonToken.START_OBJECT) {
        throw refusal(name, "is " + member.value().kind() + "; make it an object");
      }
      objects.add(nested(name + ".", member.value()));
    }
    return objects;
  }

  private Fields nested(String path, FieldValue object) {
    Map<String, FieldValue> members = HashMap.newHashMap(object.members().size());
    object.members().forEach(member -> members.put(member.name(), member.value()));
    return new Fields(prefix + path, members);
  }

  String text(String field) throws EventFormatException {
    return required(field, optionalText(field));
  }

  /** Reads an identifier or a name: text without control characters. */
  @Nullable String optionalText(String field) throws EventFormatException {
    String text = optionalLiteral(field);
    return text == null ? null : CheckedText.name(prefix + field, text);
  }

  /** Reads a text for people, which may have several lines. */
  String prose(String field) throws EventFormatException {
    return required(field, optionalProse(field));
  }

  @Nullable String optionalProse(String field) throws EventFormatException {
    String text = optionalLiteral(field);
    return text == null ? null : CheckedText.prose(prefix + field, text);
  }

  /** Reads any text without unpaired surrogates. */
  @Nullable String optionalLiteral(String field) throws EventFormatException {
    FieldValue value = given(field);
    if (value == null) {
      return null;
    }
    if (!value.isString()) {
      throw refusal(field, "is " + value.kind() + "; make it a string");
    }
    if (!UntrustedText.isWhole(value.text())) {
      // JSON can write it, UTF-8 can't: other readers would fail on what is derived from it.
      throw refusal(field, "has an unpaired surrogate; send complete characters");
    }
    return value.text();
  }

  UserId userId() throws EventFormatException {
    try {
      return UserId.parse(text("user_id"));
    } catch (IllegalArgumentException e) {
      throw refusal("user_id", String.valueOf(e.getMessage()));
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
      Instant instant = UtcTime.parse(text);
      if (instant.isBefore(EARLIEST) || instant.isAfter(LATEST)) {
        throw refusal(field, "has a year outside 0000 to 9999");
      }
      return instant;
    } catch (DateTimeException e) {
      throw refusal(
          field,
          "is not an RFC 3339 time: "
              + UntrustedText.quote(text)
              + "; write e.g. 2026-11-24T12:00:00Z");
    }
  }

  long nonNegative(String field) throws EventFormatException {
    return required(field, optionalNonNegative(field));
  }

  /** Reads a whole number of 0 or more that fits into an {@code int}. */
  int nonNegativeInt(String field) throws EventFormatException {
    return (int) (long) required(field, optionalWithin(field, 0, Integer.MAX_VALUE));
  }

  @Nullable Duration optionalSeconds(String field, long most) throws EventFormatException {
    Long seconds = optionalWithin(field, 0, most);
    return seconds == null ? null : Duration.ofSeconds(seconds);
  }

  @Nullable Long optionalNonNegative(String field) throws EventFormatException {
    Long number = optionalLong(field, "is not a whole number of 0 or more");
    if (number != null && number < 0) {
      throw refusal(field, "is not a whole number of 0 or more");
    }
    return number;
  }

  /** Reads a whole number from {@code least} to {@code most}, both inclusive. */
  @Nullable Long optionalWithin(String field, long least, long most) throws EventFormatException {
    String problem = "is not a whole number from " + least + " to " + most;
    Long number = optionalLong(field, problem);
    if (number != null && (number < least || number > most)) {
      throw refusal(field, problem);
    }
    return number;
  }

  @Nullable Integer optionalInt(String field) throws EventFormatException {
    Long number = optionalLong(field, "is not a whole number");
    if (number != null && number != number.intValue()) {
      throw refusal(field, "is not a whole number");
    }
    return number == null ? null : number.intValue();
  }

  private @Nullable Long optionalLong(String field, String problem) throws EventFormatException {
    FieldValue value = given(field);
    if (value == null) {
      return null;
    }
    try {
      if (value.token() == JsonToken.VALUE_NUMBER_INT) {
        return Long.valueOf(value.text());
      }
    } catch (NumberFormatException e) {
      // beyond 64 bits
    }
    throw refusal(field, problem);
  }

  boolean bool(String field) throws EventFormatException {
    return required(field, optionalBool(field));
  }

  /** Reads a boolean, with a default. */
  boolean bool(String field, boolean ifAbsent) throws EventFormatException {
    Boolean given = optionalBool(field);
    return given == null ? ifAbsent : given;
  }

  @Nullable Boolean optionalBool(String field) throws EventFormatException {
    FieldValue value = given(field);
    if (value == null) {
      return null;
    }
    if (!value.token().isBoolean()) {
      throw refusal(field, "is " + value.kind() + "; make it true or false");
    }
    return value.token() == JsonToken.VALUE_TRUE;
  }

  <E extends Enum<E> & WireName> E oneOf(String field, E[] values) throws EventFormatException {
    return required(field, optionalOneOf(field, values));
  }

  <E extends Enum<E> & WireName> @Nullable E optionalOneOf(String field, E[] values)
      throws EventFormatException {
    return optionalOneOf(field, values, WireName::wire);
  }

  /**
   * Reads one of several values. A value that only a newer version knows is read as {@code
   * unknown}, so that readers keep working.
   *
   * @param values those that this version knows
   */
  <E extends Enum<E> & WireName> E oneOfOr(E unknown, String field, E[] values)
      throws EventFormatException {
    return required(field, optionalOneOfOr(unknown, field, values));
  }

  <E extends Enum<E> & WireName> @Nullable E optionalOneOfOr(E unknown, String field, E[] values)
      throws EventFormatException {
    String text = optionalText(field);
    return text == null ? null : known(text, values, WireName::wire).orElse(unknown);
  }

  /**
   * Reads one of several values.
   *
   * @param name returns the name of a value on the wire
   */
  <E extends Enum<E>> @Nullable E optionalOneOf(String field, E[] values, Function<E, String> name)
      throws EventFormatException {
    String text = optionalText(field);
    if (text == null) {
      return null;
    }
    Optional<E> known = known(text, values, name);
    if (known.isPresent()) {
      return known.get();
    }
    String allowed = Arrays.stream(values).map(name).collect(Collectors.joining(", "));
    throw refusal(field, "is " + UntrustedText.quote(text) + "; it must be one of " + allowed);
  }

  private static <E> Optional<E> known(String text, E[] values, Function<E, String> name) {
    for (E value : values) {
      if (name.apply(value).equals(text)) {
        return Optional.of(value);
      }
    }
    return Optional.empty();
  }

  <T> T required(String field, @Nullable T value) throws EventFormatException {
    if (value == null) {
      throw refusal(field, "missing; it is required");
    }
    return value;
  }

  /** Returns the exception that says what is wrong with a field. */
  EventFormatException refusal(String field, String problem) {
    return new EventFormatException(prefix + field, problem);
  }

  boolean has(String field) {
    return given(field) != null;
  }

  /** Returns the value, or null if the field is absent or JSON null; both mean "not given". */
  @Nullable FieldValue given(String field) {
    FieldValue value = values.get(field);
    return value == null || value.isNull() ? null : value;
  }
}
