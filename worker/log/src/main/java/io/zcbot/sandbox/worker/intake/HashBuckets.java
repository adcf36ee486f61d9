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
 * Maps each user, and each command, to one of a fixed number of buckets (hash buckets), so that
 * state kept for them has a fixed size and needs no removal. Users share buckets. With whom, nobody
 * can choose by choosing ids, because the hash depends on a random key of this process.
 */
final class HashBuckets {
  static final int OF_USERS = 1024;
  static final int OF_COMMANDS = 1 << 16;

  private final long key;

  HashBuckets(long key) {
    this.key = key;
  }

  /** Creates buckets with a random key. */
  static HashBuckets drawn() {
    return new HashBuckets(new SecureRandom().nextLong());
  }

  /** The bucket of a user, from 0 to {@link #OF_USERS} - 1. */
  int of(UserId user) {
    return new SplittableRandom(hash(user)).nextInt(OF_USERS);
  }

  /**
   * The bucket of a command, from 0 to {@link #OF_COMMANDS} - 1. Exec ids with the same hash code
   * share a bucket only within the same user.
   */
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
