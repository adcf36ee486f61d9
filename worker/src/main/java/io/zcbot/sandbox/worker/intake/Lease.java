/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.Time;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/**
 * Whether this process can still be sure that it owns its partitions. A process that was stopped,
 * or did not reach the group's coordinator, for longer than the session time-out has lost them
 * without knowing it. It is sure for a term after it asked the group something that the group then
 * acknowledged. The clock continues while a process is stopped, so the first check after the stop
 * notices.
 *
 * <p>Only heartbeats keep a session; commits, which are what is acknowledged here, do not
 * (KIP-848). So the first answer after an outage tells that the session has not ended yet, and it
 * may end at the next instant. The lease counts again once the group answers what was asked when a
 * heartbeat must have reached it, too.
 */
final class Lease {
  /** Well below any session time-out that is in use. */
  static final Duration TERM = Duration.ofSeconds(4);

  /** Longer than a client that reaches the group again waits with its heartbeat: 1.2 s at most. */
  static final Duration HEARTBEAT = Duration.ofMillis(1500);

  private static final Duration LOOK_AGAIN = Duration.ofMillis(500);

  private final Time time;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition renewal = lock.newCondition();
  private volatile long renewedAt;

  // After an outage, of the poll thread.
  private boolean isDoubted;
  private long firstAnswer;
  private long lastAnswer;

  Lease(Time time) {
    this.time = time;
    this.renewedAt = time.nanos() - TERM.toNanos();
  }

  boolean isValid() {
    return age() < TERM.toNanos();
  }

  /** Whether it is time to ask the group again, so that the lease does not end. */
  boolean isAging() {
    return age() >= TERM.toNanos() / 2;
  }

  private long age() {
    return time.nanos() - renewedAt;
  }

  /** There is nothing to be sure of, or the group is known to take this process for a member. */
  void renew() {
    isDoubted = false;
    renewAt(time.nanos());
  }

  /**
   * The group acknowledged that this process is a member.
   *
   * @param asked when it was asked, on the monotonic clock: the answer may have waited since
   */
  void renew(long asked) {
    if (asked - renewedAt < TERM.toNanos() || isHeartbeatThrough(asked)) {
      isDoubted = false;
      renewAt(asked);
    }
  }

  private boolean isHeartbeatThrough(long asked) {
    long now = time.nanos();
    if (!isDoubted || asked - lastAnswer >= TERM.toNanos()) {
      isDoubted = true;
      firstAnswer = now;
    }
    lastAnswer = now;
    return asked - firstAnswer >= HEARTBEAT.toNanos();
  }

  private void renewAt(long instant) {
    if (instant - renewedAt > 0) {
      renewedAt = instant;
    }
    lock.lock();
    try {
      renewal.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Returns once this process is sure that it owns a partition.
   *
   * @param partition its state in one assignment
   * @throws FencedException if another worker owns it by now
   */
  void pass(Supplier<PartitionState> partition) throws FencedException, InterruptedException {
    if (!awaitValid(() -> !partition.get().mayAnnounce())) {
      throw new FencedException("another worker owns the partition by now");
    }
  }

  /**
   * Waits until the lease is valid.
   *
   * @param over whether there is nothing to wait for any more
   * @return false if that is so
   */
  boolean awaitValid(BooleanSupplier over) throws InterruptedException {
    lock.lock();
    try {
      while (!over.getAsBoolean()) {
        if (isValid()) {
          return true;
        }
        boolean _ = renewal.await(LOOK_AGAIN.toMillis(), TimeUnit.MILLISECONDS);
      }
      return false;
    } finally {
      lock.unlock();
    }
  }
}
