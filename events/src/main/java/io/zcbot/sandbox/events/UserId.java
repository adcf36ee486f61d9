/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.util.Locale;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/**
 * A user, as a UUID in its canonical lower-case text form (RFC 9562, section 4).
 *
 * <p>A constructed {@code UserId} is valid. Exactly one text names a user, so two different inputs
 * never share a container name, a workspace or a partition key.
 */
public record UserId(UUID uuid) implements Comparable<UserId> {
  private static final int LENGTH = 36;

  /**
   * Parses the canonical form.
   *
   * @throws IllegalArgumentException if {@code text} is not a lower-case UUID with dashes; the
   *     message says what is wrong and how to correct it, and quotes at most 64 characters
   */
  public static UserId parse(String text) {
    UUID uuid = canonical(text);
    if (uuid != null) {
      return new UserId(uuid);
    }
    String lower = text.length() == LENGTH ? text.toLowerCase(Locale.ROOT) : text;
    if (canonical(lower) != null) {
      throw new IllegalArgumentException(
          "not in canonical form: '" + text + "'; write it in lower case: '" + lower + "'");
    }
    throw new IllegalArgumentException(
        "not a UUID: "
            + UntrustedText.quote(text)
            + "; use the canonical lower-case form, e.g. 7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  }

  /**
   * Parsed by hand: this is done for every record, and a regular expression would cost the most.
   */
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

  /** Orders users as their texts, which a UUID's own order of signed halves does not. */
  @Override
  public int compareTo(UserId other) {
    int high =
        Long.compareUnsigned(uuid.getMostSignificantBits(), other.uuid.getMostSignificantBits());
    return high != 0
        ? high
        : Long.compareUnsigned(
            uuid.getLeastSignificantBits(), other.uuid.getLeastSignificantBits());
  }

  /**
   * Returns the canonical lower-case form: record key, container name suffix, workspace directory.
   */
  @Override
  public String toString() {
    return uuid.toString();
  }
}
