/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.nio.charset.StandardCharsets;
import org.jspecify.annotations.Nullable;

/** Creates and checks the keys of records. */
final class RecordKey {
  private static final int MAX_SHOWN = 256;

  private RecordKey() {}

  /** Returns the key of a user's events. */
  static byte[] of(UserId user) {
    return user.toString().getBytes(StandardCharsets.US_ASCII);
  }

  /** Returns the key of a table's entry, of which a user has several. */
  static byte[] of(UserId user, String id) {
    return (user + "/" + id).getBytes(StandardCharsets.UTF_8);
  }

  /**
   * Reads the record's user and checks that the key names the same one, because the key decides the
   * partition.
   */
  static UserId agreedUser(Fields in, byte @Nullable [] key) throws EventFormatException {
    UserId user = in.userId();
    if (key == null) {
      throw new EventFormatException(
          "key", "missing; set the record key to the user_id, which decides the partition");
    }
    if (isAscii(key, user.toString())) {
      return user;
    }
    if (key.length > MAX_SHOWN) {
      throw new EventFormatException("key", "is " + key.length + " bytes; it must be the user_id");
    }
    String text = Utf8.decode(key);
    throw new EventFormatException(
        "key",
        text == null
            ? "is not UTF-8"
            : "is "
                + UntrustedText.quote(text)
                + " but user_id is '"
                + user
                + "'; make them the"
                + " same");
  }

  private static boolean isAscii(byte[] bytes, String text) {
    if (bytes.length != text.length()) {
      return false;
    }
    for (int i = 0; i < bytes.length; i++) {
      if (bytes[i] != text.charAt(i)) {
        return false;
      }
    }
    return true;
  }
}
