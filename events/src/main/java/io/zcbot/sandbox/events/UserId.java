/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
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
   * Returns the id of a user whom an application knows by another name, such as a number or an
   * e-mail address: the UUID version 5 (RFC 9562, section 5.5) of that name in UTF-8. The same
   * arguments always give the same id, and other ones another. It can be computed by anybody who
   * knows the arguments, so it keeps no secret.
   *
   * @param namespace a UUID that the application has chosen once and never changes
   * @param name the application's own id of the user, not normalized in any way
   * @throws IllegalArgumentException if the name is empty, or has an unpaired surrogate
   */
  public static UserId of(UUID namespace, String name) {
    byte[] bytes = Data.of(name).array();
    if (name.isEmpty() || !name.equals(new String(bytes, StandardCharsets.UTF_8))) {
      throw new IllegalArgumentException(
          name.isEmpty()
              ? "the user's name is empty; give the id that your application has of the user"
              : "the user's name has an unpaired surrogate; give complete characters");
    }
    MessageDigest sha1;
    try {
      sha1 = MessageDigest.getInstance("SHA-1");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-1", e);
    }
    sha1.update(
        ByteBuffer.allocate(16)
            .putLong(namespace.getMostSignificantBits())
            .putLong(namespace.getLeastSignificantBits())
            .flip());
    ByteBuffer hash = ByteBuffer.wrap(sha1.digest(bytes));
    long high = (hash.getLong() & ~0xF000L) | (5L << 12);
    long low = (hash.getLong() & ~(3L << 62)) | (2L << 62);
    return new UserId(new UUID(high, low));
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
