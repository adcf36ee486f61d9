/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.pool;

import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.demand.Arrivals;
import io.zcbot.sandbox.worker.demand.MakeTimes;
import io.zcbot.sandbox.worker.demand.PoolSizing;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Adapts the number of slots that the pool wants to the arrivals of users. It grows at once, and
 * shrinks by one slot a minute.
 */
final class PoolTarget {
  private static final Logger log = LoggerFactory.getLogger(PoolTarget.class);

  private static final Duration INTERVAL = Duration.ofMinutes(1);

  /** The interval after a user found no slot: more users may come. */
  private static final Duration SHORT_INTERVAL = Duration.ofSeconds(5);

  private final PoolSizing sizing;
  private final IdleSlots pool;
  private final MakeTimes makeTimes;
  private final Time time;
  private final Arrivals arrivals = new Arrivals();
  private volatile long judged;
  private volatile boolean isShort;
  private long changed;

  PoolTarget(PoolSizing sizing, IdleSlots pool, MakeTimes makeTimes, Time time) {
    this.sizing = sizing;
    this.pool = pool;
    this.makeTimes = makeTimes;
    this.time = time;
    this.judged = time.nanos() - INTERVAL.toNanos();
    this.changed = time.nanos();
  }

  /**
   * Notes that a new user came.
   *
   * @param asked when, on the monotonic clock
   * @param found whether there was a slot
   */
  void arrived(long asked, boolean found) {
    arrivals.add(millis(asked));
    if (!found) {
      isShort = true;
    }
  }

  /** Notes new users who came before this process counted them. */
  void remember(List<Instant> past) {
    long now = time.nanos();
    Instant wallNow = time.now();
    arrivals.addAll(
        past.stream()
            .mapToLong(at -> millis(now) - Math.max(0, Duration.between(at, wallNow).toMillis()))
            .toArray());
    judged = now - INTERVAL.toNanos();
  }

  boolean isDue() {
    return time.nanos() - judged >= (isShort ? SHORT_INTERVAL : INTERVAL).toNanos();
  }

  /** Decides the size anew, and changes it. Takes some milliseconds of processor time. */
  synchronized void judge() {
    long now = time.nanos();
    judged = now;
    isShort = false;
    long makeMillis = makeTimes.millis();
    int wanted = sizing.wanted(arrivals, millis(now), makeMillis);
    int before = pool.target();
    if (wanted > before) {
      log.info(
          "the warm pool grows from {} to {} slots, as users came within the last day; a slot"
              + " takes {} ms to make",
          before,
          wanted,
          makeMillis);
      pool.resize(wanted);
      changed = now;
    } else if (wanted < before && now - changed >= INTERVAL.toNanos()) {
      log.debug(
          "the warm pool shrinks from {} to {} slots; {} are wanted", before, before - 1, wanted);
      pool.resize(before - 1);
      changed = now;
    }
  }

  private static long millis(long nanos) {
    return Duration.ofNanos(nanos).toMillis();
  }
}
