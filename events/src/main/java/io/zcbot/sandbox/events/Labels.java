/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Reads and writes the labels of sandboxes. */
final class Labels {
  static final int MAX = 128;

  /** In characters. */
  static final int MAX_KEY_LENGTH = 128;

  /** Of all keys and values together. They are in each ready, and in two tables. */
  static final int MAX_BYTES = 4096;

  private static final String FIELD = "labels";

  private Labels() {}

  /** Writes the labels that are given, even if there are none. */
  static void write(@Nullable Map<String, String> labels, FieldWriter out) {
    if (labels != null) {
      out.texts(FIELD, new TreeMap<>(labels));
    }
  }

  /** Writes the labels of a sandbox, unless there are none. */
  static void writeAny(Map<String, String> labels, FieldWriter out) {
    write(labels.isEmpty() ? null : labels, out);
  }

  /** Reads the labels of a sandbox; empty if there are none. */
  static Map<String, String> read(Fields in) throws EventFormatException {
    Map<String, String> given = given(in);
    return given == null ? Map.of() : given;
  }

  /** Reads the labels that are given; null if none are, which differs from an empty object. */
  static @Nullable Map<String, String> given(Fields in) throws EventFormatException {
    if (!in.has(FIELD)) {
      return null;
    }
    Map<String, String> labels = Literals.map(in, FIELD);
    int bytes = 0;
    for (Map.Entry<String, String> label : labels.entrySet()) {
      checkKey(in, label.getKey());
      bytes += Utf8.length(label.getKey()) + Utf8.length(label.getValue());
    }
    if (bytes > MAX_BYTES) {
      throw in.refusal(
          FIELD,
          "takes "
              + bytes
              + " bytes, keys and values together; at most "
              + MAX_BYTES
              + " are allowed");
    }
    return labels;
  }

  private static void checkKey(Fields in, String key) throws EventFormatException {
    if (key.isBlank()) {
      throw in.refusal(FIELD, "has a key that is empty; give it a name");
    }
    String quoted = UntrustedText.quoteName(key);
    if (key.length() > MAX_KEY_LENGTH) {
      throw in.refusal(
          FIELD,
          "the key "
              + quoted
              + " is "
              + key.length()
              + " characters long; at most "
              + MAX_KEY_LENGTH
              + " are allowed");
    }
    if (UntrustedText.isUnsafe(key)) {
      throw in.refusal(
          FIELD, "the key " + quoted + " has a control or invisible character; remove it");
    }
  }
}
