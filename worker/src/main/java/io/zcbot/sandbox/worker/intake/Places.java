/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.UserId;
import java.security.SecureRandom;
import java.util.SplittableRandom;
import java.util.UUID;

/**
 * Gives each user one of some places, so that what is kept for users takes no more memory however
 * many there are, and need not come and go with them. Some share a place, and nobody who chooses
 * ids of users can choose with whom: that depends on a key that each process draws.
 */
final class Places {
  static final int COUNT = 1024;

  private final long key;

  Places(long key) {
    this.key = key;
  }

  /** With a key that nobody knows. */
  static Places drawn() {
    return new Places(new SecureRandom().nextLong());
  }

  /** From 0 on. */
  int of(UserId user) {
    UUID id = user.uuid();
    long high = new SplittableRandom(key ^ id.getMostSignificantBits()).nextLong();
    return new SplittableRandom(high ^ id.getLeastSignificantBits()).nextInt(COUNT);
  }
}
