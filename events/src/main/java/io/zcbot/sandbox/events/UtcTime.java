/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.DateTimeException;
import java.time.Instant;
import java.time.LocalDate;
import java.time.OffsetDateTime;

/**
 * Parses RFC 3339 times. Those in UTC, as nearly all records have them, are parsed by hand: this is
 * done for every record, and the JDK's parser would take as long as all else of its decoding.
 */
final class UtcTime {
  private static final String FORM = "dddd-dd-ddTdd:dd:dd";
  private static final int FRACTION = FORM.length() + 1;
  private static final int DAY_SECONDS = 24 * 60 * 60;

  private UtcTime() {}

  /**
   * Parses a time as {@link OffsetDateTime#parse(CharSequence)} does.
   *
   * @throws DateTimeException if the text is not a time
   */
  static Instant parse(String text) {
    if (!isUsual(text)) {
      return OffsetDateTime.parse(text).toInstant();
    }
    int hour = number(text, 11, 13);
    int minute = number(text, 14, 16);
    int second = number(text, 17, 19);
    if (hour > 23 || minute > 59 || second > 59) {
      return OffsetDateTime.parse(text).toInstant();
    }
    LocalDate day = LocalDate.of(number(text, 0, 4), number(text, 5, 7), number(text, 8, 10));
    int end = text.length() - 1;
    int nanos = end < FRACTION ? 0 : number(text, FRACTION, end);
    for (int digits = end - FRACTION; digits >= 0 && digits < 9; digits++) {
      nanos *= 10;
    }
    return Instant.ofEpochSecond(
        day.toEpochDay() * DAY_SECONDS + hour * 3600L + minute * 60L + second, nanos);
  }

  /** Whether the text has the form of a time in UTC with at most nine digits of a fraction. */
  private static boolean isUsual(String text) {
    int end = text.length() - 1;
    if (end < FORM.length() || text.charAt(end) != 'Z' || end > FRACTION + 9) {
      return false;
    }
    for (int i = 0; i < FORM.length(); i++) {
      if (FORM.charAt(i) == 'd' ? !isDigit(text.charAt(i)) : text.charAt(i) != FORM.charAt(i)) {
        return false;
      }
    }
    if (end == FORM.length()) {
      return true;
    }
    for (int i = FRACTION; i < end; i++) {
      if (!isDigit(text.charAt(i))) {
        return false;
      }
    }
    return text.charAt(FRACTION - 1) == '.' && end > FRACTION;
  }

  private static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }

  private static int number(String text, int from, int end) {
    int number = 0;
    for (int i = from; i < end; i++) {
      number = number * 10 + (text.charAt(i) - '0');
    }
    return number;
  }
}
