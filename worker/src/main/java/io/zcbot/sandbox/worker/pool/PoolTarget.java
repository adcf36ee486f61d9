/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.pool;

import io.zcbot.sandbox.worker.demand.Arrivals;
import io.zcbot.sandbox.worker.demand.MakeTimes;
import io.zcbot.sandbox.worker.demand.PoolSizing;
import io.zcbot.sandbox.worker.sandbox.Time;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Changes how many slots the pool wants, as users come. It grows at once and shrinks slowly, by one
 * slot a minute.
 */
final class PoolTarget {
  private static final Logger log = LoggerFactory.getLogger(PoolTarget.class);

  private static final Duration INTERVAL = Duration.ofMinutes(1);

  /** Sooner, if somebody found no slot: more may be about to come. */
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

  /** A new user asked at a time, on the monotonic clock, and found a slot or did not. */
  void arrived(long asked, boolean found) {
    arrivals.add(millis(asked));
    if (!found) {
      isShort = true;
    }
  }

  /** New users came before this process counted them. */
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

  /** Takes some milliseconds of a processor. */
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
