/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.nio.charset.StandardCharsets;
import java.util.regex.Pattern;

/** Makes untrusted text safe to store, forward and show. */
final class UntrustedText {
  /** The longest text of a field, in characters. */
  static final int MAX_LENGTH = 4096;

  private static final int MAX_QUOTED = 64;

  /** Control characters, invisible formatting such as direction marks, and line separators. */
  private static final Pattern UNSAFE = Pattern.compile("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]");

  private UntrustedText() {}

  /** Whether the text contains characters that could control a terminal or forge a log line. */
  static boolean isUnsafe(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (text.charAt(i) < ' ' || text.charAt(i) > '~') {
        return UNSAFE.matcher(text).find(i);
      }
    }
    return false;
  }

  /** Quotes a text for a message: bounded in length and safe to show. */
  static String quote(String text) {
    String head = text.length() > MAX_QUOTED ? text.substring(0, MAX_QUOTED) + "…" : text;
    return "'" + UNSAFE.matcher(head).replaceAll("?") + "'";
  }

  /**
   * Quotes a name of a field or variable, but nothing behind a =, which may be a variable's value:
   * no log may have it.
   */
  static String quoteName(String name) {
    int end = name.indexOf('=');
    return quote(end < 0 ? name : name.substring(0, end) + "=…");
  }

  /** Whether the text has no unpaired surrogates. */
  static boolean isWhole(String text) {
    for (int i = 0; i < text.length(); i++) {
      if (Character.isSurrogate(text.charAt(i))) {
        return whole(text).equals(text);
      }
    }
    return true;
  }

  /** Returns the text with unpaired surrogates replaced: JSON can represent them, UTF-8 cannot. */
  static String whole(String text) {
    return new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8);
  }

  /** Cleans and cuts a text of the worker so that readers accept it. */
  static String fitting(String text) {
    String whole = whole(text);
    if (whole.length() <= MAX_LENGTH) {
      return whole;
    }
    int end = MAX_LENGTH - 1;
    return whole.substring(0, Character.isHighSurrogate(whole.charAt(end - 1)) ? end - 1 : end)
        + "…";
  }
}
