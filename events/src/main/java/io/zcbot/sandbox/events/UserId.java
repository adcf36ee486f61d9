/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * A user, as a UUID in its canonical lower-case text form (RFC 9562, section 4).
 *
 * <p>A constructed {@code UserId} is valid. Exactly one text names a user, so two different inputs
 * never share a container name, a workspace or a partition key.
 */
public record UserId(UUID uuid) implements Comparable<UserId> {
  private static final int LENGTH = 36;

  /** Controls (C0, DEL, C1), invisible formatting such as direction marks, line separators. */
  private static final Pattern UNSAFE =
      Pattern.compile("[\\p{Cntrl}\\x{80}-\\x{9f}\\p{Cf}\\x{2028}\\x{2029}]");

  /**
   * Parses the canonical form.
   *
   * @throws IllegalArgumentException if {@code text} is anything but a lower-case UUID with dashes;
   *     the message says what is wrong and how to mend it, and quotes at most 64 characters
   */
  public static UserId parse(String text) {
    UUID uuid = canonical(text);
    if (uuid != null) {
      return new UserId(uuid);
    }
    String lower = text.length() == LENGTH ? text.toLowerCase(java.util.Locale.ROOT) : text;
    if (canonical(lower) != null) {
      throw new IllegalArgumentException(
          "not in canonical form: '" + text + "'; write it in lower case: '" + lower + "'");
    }
    throw new IllegalArgumentException(
        "not a UUID: "
            + quote(text)
            + "; use the canonical lower-case form, e.g. 7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  }

  /** Read by hand: this is done for every record, and a regular expression would cost the most. */
  private static @Nullable UUID canonical(String text) {
    if (text.length() != LENGTH) {
      return null;
    }
    long high = 0;
    long low = 0;
    for (int i = 0; i < LENGTH; i++) {
      char c = text.charAt(i);
      if (i == 8 || i == 13 || i == 18 || i == 23) {
        if (c != '-') {
          return null;
        }
        continue;
      }
      int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
      if (digit < 0) {
        return null;
      }
      if (i < 18) {
        high = high << 4 | digit;
      } else {
        low = low << 4 | digit;
      }
    }
    return new UUID(high, low);
  }

  /** Quotes untrusted text for a message: bounded, without what a terminal or log could obey. */
  static String quote(String text) {
    String head = text.length() > 64 ? text.substring(0, 64) + "…" : text;
    return "'" + UNSAFE.matcher(head).replaceAll("?") + "'";
  }

  @Override
  public int compareTo(UserId other) {
    return uuid.compareTo(other.uuid);
  }

  /** The canonical lower-case form: record key, container name suffix, workspace directory. */
  @Override
  public String toString() {
    return uuid.toString();
  }
}
