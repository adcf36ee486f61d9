/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.UserId;
import java.util.concurrent.Semaphore;
import java.util.stream.Stream;

/**
 * Lets a few detours read at a time, in the order in which they ask, and even fewer of one user, so
 * that the detours of one user's commands do not keep others from reading. Thread-safe.
 */
final class ReadingTurns {
  private static final int MOST = 8;
  private static final int MOST_OF_USER = 2;

  private final Semaphore all = new Semaphore(MOST, true);
  private final Semaphore[] ofUsers =
      Stream.generate(() -> new Semaphore(MOST_OF_USER, true))
          .limit(HashBuckets.OF_USERS)
          .toArray(Semaphore[]::new);
  private final HashBuckets buckets;

  ReadingTurns(HashBuckets buckets) {
    this.buckets = buckets;
  }

  /**
   * Waits for a turn of a user. The user's own limit comes first, so that waiting detours of one
   * user do not queue up in front of others.
   */
  Turn begin(UserId user) throws InterruptedException {
    Semaphore ofUser = ofUsers[buckets.of(user)];
    ofUser.acquire();
    try {
      all.acquire();
    } catch (InterruptedException e) {
      ofUser.release();
      throw e;
    }
    return new Turn(ofUser);
  }

  /** A turn. It lasts until it is closed. */
  final class Turn implements AutoCloseable {
    private final Semaphore ofUser;

    private Turn(Semaphore ofUser) {
      this.ofUser = ofUser;
    }

    /** Whether another detour could read if this turn ended. */
    boolean isWaitedFor() {
      return all.hasQueuedThreads() || ofUser.hasQueuedThreads();
    }

    @Override
    public void close() {
      all.release();
      ofUser.release();
    }
  }
}
