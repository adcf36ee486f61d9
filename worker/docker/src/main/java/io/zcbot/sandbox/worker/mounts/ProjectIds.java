/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import io.zcbot.sandbox.events.UserId;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.List;
import java.util.stream.Stream;

/**
 * The project ids that a user's workspace may have. They are derived from the user's id, so they
 * need not be stored. There are several, in case another user already has one of them.
 *
 * <p>They begin at 2^30, far above those that administrators write to {@code /etc/projects} and
 * those that engines assign to layers.
 *
 * @param bits number of bits in which ids of users differ
 */
record ProjectIds(int bits) {
  static final ProjectIds ALL = new ProjectIds(30);

  static final int FIRST = 1 << 30;

  /** Returns a user's ids in the order in which they are to be tried; the same at each call. */
  List<Integer> of(UserId user) {
    byte[] digest;
    try {
      digest =
          MessageDigest.getInstance("SHA-256")
              .digest(
                  ByteBuffer.allocate(2 * Long.BYTES)
                      .putLong(user.uuid().getMostSignificantBits())
                      .putLong(user.uuid().getLeastSignificantBits())
                      .array());
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java platform has SHA-256", e);
    }
    ByteBuffer numbers = ByteBuffer.wrap(digest);
    int mask = (1 << bits) - 1;
    return Stream.generate(() -> FIRST | (numbers.getInt() & mask))
        .limit(digest.length / Integer.BYTES)
        .distinct()
        .toList();
  }
}
