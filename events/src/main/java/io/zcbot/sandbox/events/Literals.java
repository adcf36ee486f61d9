/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import com.fasterxml.jackson.core.JsonToken;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Reads texts that are passed to the kernel unchanged: arguments, variables, paths. They may
 * contain any character except NUL, which would end them.
 */
final class Literals {
  private Literals() {}

  /** Reads the elements of an array of strings; null if there is none. */
  static @Nullable List<String> list(Fields in, String field) throws EventFormatException {
    FieldValue array = in.given(field);
    if (array == null) {
      return null;
    }
    if (array.token() != JsonToken.START_ARRAY) {
      throw in.refusal(field, "is " + array.kind() + "; make it an array of strings");
    }
    List<String> elements = new ArrayList<>(array.members().size());
    for (FieldValue.Member member : array.members()) {
      elements.add(string(in, field, "element " + elements.size(), member.value()));
    }
    return elements;
  }

  /** Reads the fields of an object of strings, in their order; empty if there is none. */
  static Map<String, String> map(Fields in, String field) throws EventFormatException {
    FieldValue object = in.given(field);
    if (object == null) {
      return Map.of();
    }
    if (object.token() != JsonToken.START_OBJECT) {
      throw in.refusal(field, "is " + object.kind() + "; make it an object of strings");
    }
    Map<String, String> entries = new LinkedHashMap<>();
    for (FieldValue.Member member : object.members()) {
      String quoted = UntrustedText.quoteName(member.name());
      whole(in, field, "the name " + quoted, member.name());
      entries.put(member.name(), string(in, field, "the value of " + quoted, member.value()));
    }
    return entries;
  }

  private static String string(Fields in, String field, String which, FieldValue value)
      throws EventFormatException {
    if (!value.isString()) {
      throw in.refusal(field, which + " is " + value.kind() + "; make it a string");
    }
    return whole(in, field, which, value.text());
  }

  private static String whole(Fields in, String field, String which, String text)
      throws EventFormatException {
    if (!UntrustedText.isWhole(text)) {
      throw in.refusal(field, which + " has an unpaired surrogate; send complete characters");
    }
    if (text.indexOf('\0') >= 0) {
      throw in.refusal(field, which + " has a NUL character; remove it");
    }
    return text;
  }

  /** Reads a text that is not blank; null if there is none. */
  static @Nullable String text(Fields in, String field) throws EventFormatException {
    String text = in.optionalLiteral(field);
    if (text == null) {
      return null;
    }
    if (text.isBlank()) {
      throw in.refusal(field, "is empty; give a value or leave the field out");
    }
    if (text.indexOf('\0') >= 0) {
      throw in.refusal(field, "has a NUL character; remove it");
    }
    return text;
  }
}
