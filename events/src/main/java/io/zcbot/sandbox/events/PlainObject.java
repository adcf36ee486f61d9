/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/**
 * A JSON object as nearly all events are written: few fields, each a string, in printable ASCII
 * without escapes. Such an object is read an order of magnitude faster than by a JSON parser.
 * Whatever looks different in the least is {@linkplain #read not read here}, so that there is one
 * judge of what is JSON.
 */
final class PlainObject {
  private static final int MAX_FIELDS = 16;

  private final byte[] json;
  // of field i: where its name begins and ends, where its value begins and ends
  private final int[] bounds = new int[4 * MAX_FIELDS];
  private int fields;
  private int at;

  private PlainObject(byte[] json) {
    this.json = json;
  }

  /** The object, or null if it takes a JSON parser to tell what this is. */
  static @Nullable PlainObject read(byte[] json) {
    PlainObject object = new PlainObject(json);
    return object.scan() ? object : null;
  }

  /** The field's value; null where there is none. */
  @Nullable String get(String field) {
    for (int i = 0; i < fields; i++) {
      if (isNamed(i, field)) {
        int start = bounds[4 * i + 2];
        return new String(json, start, bounds[4 * i + 3] - start, StandardCharsets.ISO_8859_1);
      }
    }
    return null;
  }

  private boolean isNamed(int i, String field) {
    int start = bounds[4 * i];
    int length = field.length();
    if (bounds[4 * i + 1] - start != length) {
      return false;
    }
    for (int c = 0; c < length; c++) {
      if (json[start + c] != field.charAt(c)) {
        return false;
      }
    }
    return true;
  }

  private boolean scan() {
    if (!skip('{')) {
      return false;
    }
    do {
      if (fields == MAX_FIELDS || !text(4 * fields) || !skip(':') || !text(4 * fields + 2)) {
        return false;
      }
      if (isRepeated(fields)) {
        return false;
      }
      fields++;
    } while (skip(','));
    return skip('}') && next() == -1;
  }

  /** Whether field i has the name of one before it. */
  private boolean isRepeated(int i) {
    int start = bounds[4 * i];
    int end = bounds[4 * i + 1];
    for (int before = 0; before < i; before++) {
      int from = bounds[4 * before];
      int length = bounds[4 * before + 1] - from;
      int c = 0;
      while (c < length && length == end - start && json[from + c] == json[start + c]) {
        c++;
      }
      if (c == length && length == end - start) {
        return true;
      }
    }
    return false;
  }

  /** Notes a string's bounds. */
  private boolean text(int bound) {
    if (!skip('"')) {
      return false;
    }
    int start = at;
    while (at < json.length) {
      byte c = json[at];
      if (c == '"') {
        bounds[bound] = start;
        bounds[bound + 1] = at;
        at++;
        return true;
      }
      if (c < ' ' || c == '\\' || c == 0x7f) { // bytes beyond ASCII are negative
        return false;
      }
      at++;
    }
    return false;
  }

  private boolean skip(char expected) {
    if (next() != expected) {
      return false;
    }
    at++;
    return true;
  }

  /** The next character that is no white space, or -1 at the end. */
  private int next() {
    while (at < json.length) {
      byte c = json[at];
      if (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
        return c;
      }
      at++;
    }
    return -1;
  }
}
