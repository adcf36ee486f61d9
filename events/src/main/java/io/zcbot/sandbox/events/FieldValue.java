/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import com.fasterxml.jackson.core.JsonToken;
import java.util.List;

/**
 * The value of a field, or a value nested in it.
 *
 * @param text the text of a string, number or boolean
 * @param members the content of an array or object, if it was wanted
 */
record FieldValue(JsonToken token, String text, List<Member> members) {
  /**
   * An element of an array or a field of an object.
   *
   * @param name the field's name; empty in an array
   */
  record Member(String name, FieldValue value) {}

  static FieldValue scalar(JsonToken token, String text) {
    return new FieldValue(token, text, List.of());
  }

  boolean isString() {
    return token == JsonToken.VALUE_STRING;
  }

  boolean isNull() {
    return token == JsonToken.VALUE_NULL;
  }

  /** Returns the kind of value, for a message. */
  String kind() {
    return switch (token) {
      case START_ARRAY -> "an array";
      case START_OBJECT -> "an object";
      case VALUE_NUMBER_INT, VALUE_NUMBER_FLOAT -> "a number";
      case VALUE_TRUE, VALUE_FALSE -> "a boolean";
      case VALUE_STRING -> "a string";
      case VALUE_NULL -> "null";
      default -> throw new IllegalStateException("not the value of a field: " + token);
    };
  }
}
