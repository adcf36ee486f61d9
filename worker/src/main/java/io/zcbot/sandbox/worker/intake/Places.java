/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.commands.CommandKey;
import java.security.SecureRandom;
import java.util.SplittableRandom;
import java.util.UUID;

/**
 * Gives each user, and each command, one of some places, so that what is kept for them takes no
 * more memory however many there are, and need not come and go with them. Some share a place, and
 * nobody who chooses ids of users can choose with whom: that depends on a key that each process
 * draws.
 */
final class Places {
  static final int OF_USERS = 1024;
  static final int OF_COMMANDS = 1 << 16;

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
    return new SplittableRandom(hash(user)).nextInt(OF_USERS);
  }

  /** From 0 on. Names that hash alike share one among the commands of the same user only. */
  int of(CommandKey command) {
    long ofUser = new SplittableRandom(hash(command.user())).nextLong();
    return new SplittableRandom(ofUser ^ command.execId().hashCode()).nextInt(OF_COMMANDS);
  }

  private long hash(UserId user) {
    UUID id = user.uuid();
    long high = new SplittableRandom(key ^ id.getMostSignificantBits()).nextLong();
    return high ^ id.getLeastSignificantBits();
  }
}
