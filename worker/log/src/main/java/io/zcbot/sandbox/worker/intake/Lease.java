/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.base.ClockReading;
import io.zcbot.sandbox.worker.base.Time;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.BooleanSupplier;

/**
 * Tells whether this process can still be sure that it owns its partitions. A process that was
 * suspended, or did not reach the group coordinator, for longer than the session time-out has lost
 * them without noticing. It is sure for a term after it asked the group something that the group
 * acknowledged. The monotonic clock continues while a process is suspended, and the wall clock
 * while the machine sleeps, so the first check afterwards finds the lease expired.
 *
 * <p>Only heartbeats keep a session alive; commits, which are what is acknowledged here, do not
 * (KIP-848). So the first answer after an outage shows only that the session has not ended yet; it
 * may end the next instant. The lease becomes valid again when the group answers a question that
 * was asked after a heartbeat must have reached it.
 *
 * <p>The poll thread renews the lease; any thread may check it and wait for it.
 */
final class Lease {
  /** Far below any session time-out in use. */
  static final Duration TERM = Duration.ofSeconds(4);

  /**
   * A client that reaches the group again sends a heartbeat within 1.2 s, which is the longest
   * {@code retry.backoff.max.ms} that the settings allow, and its jitter.
   */
  static final Duration HEARTBEAT = Duration.ofMillis(1500);

  private static final Duration LOOK_AGAIN = Duration.ofMillis(500);

  private final Time time;
  private final ReentrantLock lock = new ReentrantLock();
  private final Condition renewal = lock.newCondition();
  private volatile ClockReading renewed;

  // State after an outage; confined to the poll thread.
  private boolean isDoubted;
  private long firstAnswer;
  private ClockReading lastAnswer;

  Lease(Time time) {
    this.time = time;
    this.renewed = new ClockReading(time.nanos() - TERM.toNanos(), 0);
    this.lastAnswer = renewed;
  }

  boolean isValid() {
    return age() < TERM.toNanos();
  }

  /** Whether the group should be asked now, before the lease ends. */
  boolean isAging() {
    return age() >= TERM.toNanos() / 2;
  }

  private long age() {
    return ClockReading.now(time).since(renewed);
  }

  /** Renews the lease, because no partition is assigned or the group certainly has this member. */
  void renew() {
    isDoubted = false;
    renewAt(ClockReading.now(time));
  }

  /**
   * The group acknowledged that this process is a member.
   *
   * @param asked when it was asked; the lease counts from there, because the answer may have waited
   *     since
   */
  void renew(ClockReading asked) {
    if (asked.since(renewed) < TERM.toNanos() || isHeartbeatThrough(asked)) {
      isDoubted = false;
      renewAt(asked);
    }
  }

  private boolean isHeartbeatThrough(ClockReading asked) {
    ClockReading now = ClockReading.now(time);
    if (!isDoubted || asked.since(lastAnswer) >= TERM.toNanos()) {
      isDoubted = true;
      firstAnswer = now.nanos();
    }
    lastAnswer = now;
    return asked.nanos() - firstAnswer >= HEARTBEAT.toNanos();
  }

  private void renewAt(ClockReading moment) {
    if (moment.nanos() - renewed.nanos() > 0) {
      renewed = moment;
    }
    lock.lock();
    try {
      renewal.signalAll();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Blocks until the lease is valid.
   *
   * @param over whether there is nothing to wait for any more
   * @return false if {@code over} became true first
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
