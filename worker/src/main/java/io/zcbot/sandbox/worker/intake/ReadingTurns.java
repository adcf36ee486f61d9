/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.UserId;
import java.util.concurrent.Semaphore;
import java.util.stream.Stream;

/**
 * Lets some detours read at a time, in the order in which they ask, and only a few of one user: the
 * detours of all its commands must not keep others from reading.
 */
final class ReadingTurns {
  private static final int MOST = 8;
  private static final int MOST_OF_USER = 2;

  private final Semaphore all = new Semaphore(MOST, true);
  private final Semaphore[] ofUsers =
      Stream.generate(() -> new Semaphore(MOST_OF_USER, true))
          .limit(Places.OF_USERS)
          .toArray(Semaphore[]::new);
  private final Places places;

  ReadingTurns(Places places) {
    this.places = places;
  }

  /** Waits for a turn. */
  Turn begin(UserId user) throws InterruptedException {
    Semaphore ofUser = ofUsers[places.of(user)];
    ofUser.acquire();
    try {
      all.acquire();
    } catch (InterruptedException e) {
      ofUser.release();
      throw e;
    }
    return new Turn(ofUser);
  }

  /** A turn, which lasts until it is closed. */
  final class Turn implements AutoCloseable {
    private final Semaphore ofUser;

    private Turn(Semaphore ofUser) {
      this.ofUser = ofUser;
    }

    /** Whether somebody could read if this turn ended. */
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
