/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

/** Checks of texts in events, regardless of where they come from. */
final class CheckedText {
  private CheckedText() {}

  /**
   * Checks an identifier or a name: text without control characters.
   *
   * @param where what the text is the value of, for the message
   */
  static String name(String where, String text) throws EventFormatException {
    if (UntrustedText.isUnsafe(prose(where, text))) {
      throw new EventFormatException(
          where,
          "has a control or invisible character: " + UntrustedText.quote(text) + "; remove it");
    }
    return text;
  }

  /** Checks a text for people to read, which may have several lines. */
  static String prose(String where, String text) throws EventFormatException {
    if (text.isBlank()) {
      throw new EventFormatException(where, "is empty; give a value or leave the field out");
    }
    if (text.length() > UntrustedText.MAX_LENGTH) {
      throw new EventFormatException(
          where,
          "is "
              + text.length()
              + " characters long; at most "
              + UntrustedText.MAX_LENGTH
              + " are allowed");
    }
    return text;
  }
}
