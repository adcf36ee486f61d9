/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Limits the number of concurrent creates. New users can use all turns except one, and wait for
 * them in a separate queue, so that a known user never waits behind many of them. Thread-safe.
 */
public final class CreateTurns {
  private final Semaphore turns;
  private final Semaphore newUsersTurns;

  public CreateTurns(int concurrency) {
    this.turns = new Semaphore(concurrency, true);
    this.newUsersTurns = new Semaphore(Math.max(1, concurrency - 1), true);
  }

  /** A turn, which ends when it is closed. */
  public static final class Turn implements AutoCloseable {
    private final AtomicReference<@Nullable Runnable> release;

    private Turn(Runnable release) {
      this.release = new AtomicReference<>(release);
    }

    @Override
    public void close() {
      Runnable once = release.getAndSet(null);
      if (once != null) {
        once.run();
      }
    }
  }

  /** Waits for a turn; null if the time is up first. */
  public @Nullable Turn await(boolean newUser, long nanos) throws InterruptedException {
    if (!newUser) {
      return turns.tryAcquire(nanos, TimeUnit.NANOSECONDS) ? new Turn(turns::release) : null;
    }
    long deadline = System.nanoTime() + nanos;
    if (!newUsersTurns.tryAcquire(nanos, TimeUnit.NANOSECONDS)) {
      return null;
    }
    boolean taken = false;
    try {
      taken = turns.tryAcquire(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
      return taken ? new Turn(this::releaseBoth) : null;
    } finally {
      if (!taken) {
        newUsersTurns.release();
      }
    }
  }

  /** Takes a turn for background work; null while anybody waits or all turns are taken. */
  public @Nullable Turn tryBehindAll() {
    boolean taken =
        !turns.hasQueuedThreads() && !newUsersTurns.hasQueuedThreads() && turns.tryAcquire();
    return taken ? new Turn(turns::release) : null;
  }

  private void releaseBoth() {
    turns.release();
    newUsersTurns.release();
  }
}
