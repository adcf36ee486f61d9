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
 * The project ids that a user's workspace may have. They are derived from the user's id, so that
 * they need not be stored, and there are several, in case another user has one of them.
 *
 * <p>They begin at 2^30, far above those that administrators write to {@code /etc/projects} and
 * those that engines assign to layers.
 *
 * @param bits how many of an id's bits differ among users
 */
record ProjectIds(int bits) {
  static final ProjectIds ALL = new ProjectIds(30);

  static final int FIRST = 1 << 30;

  /** The same ones at each call, in the order in which they are to be tried. */
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
