/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.pool;

import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.demand.Arrivals;
import io.zcbot.sandbox.worker.demand.MakeTimes;
import io.zcbot.sandbox.worker.demand.PoolSizing;
import io.zcbot.sandbox.worker.spec.Profile;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Adapts the number of slots of a profile that the pool wants to the arrivals of its users. It
 * grows at once, and shrinks by one slot a minute.
 */
final class PoolTarget {
  private static final Logger log = LoggerFactory.getLogger(PoolTarget.class);

  private static final Duration INTERVAL = Duration.ofMinutes(1);

  /** The interval after a user found no slot: more users may come. */
  private static final Duration SHORT_INTERVAL = Duration.ofSeconds(5);

  private final Profile profile;
  private final PoolSizing sizing;
  private final IdleSlots pool;
  private final MakeTimes makeTimes;
  private final Time time;
  private final Arrivals arrivals;
  private volatile long judged;
  private volatile boolean isShort;
  private long changed;

  PoolTarget(Profile profile, PoolSizing sizing, IdleSlots pool, MakeTimes makeTimes, Time time) {
    this(profile, sizing, pool, makeTimes, time, new Arrivals());
  }

  private PoolTarget(
      Profile profile,
      PoolSizing sizing,
      IdleSlots pool,
      MakeTimes makeTimes,
      Time time,
      Arrivals arrivals) {
    this.arrivals = arrivals;
    this.profile = profile;
    this.sizing = sizing;
    this.pool = pool;
    this.makeTimes = makeTimes;
    this.time = time;
    this.judged = time.nanos() - INTERVAL.toNanos();
    this.changed = time.nanos();
  }

  /** The same with other bounds, and the arrivals that are known. */
  PoolTarget of(Profile changed, PoolSizing bounds) {
    return new PoolTarget(changed, bounds, pool, makeTimes, time, arrivals);
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

  /** The size that users need. Takes some milliseconds of processor time. */
  synchronized int wanted() {
    long now = time.nanos();
    judged = now;
    isShort = false;
    return sizing.wanted(arrivals, millis(now), makeTimes.millis());
  }

  /**
   * Changes the size.
   *
   * @param wanted what users need, or less if there is no room
   * @param atOnce whether others need the room of what is too much
   */
  synchronized void resize(int wanted, boolean atOnce) {
    long now = time.nanos();
    int before = pool.target(profile);
    if (wanted > before) {
      log.info(
          "the warm pool of the profile {} grows from {} to {} slots, as users came within the last"
              + " day; a slot takes {} ms to make",
          profile.name(),
          before,
          wanted,
          makeTimes.millis());
      pool.resize(profile, wanted);
      changed = now;
    } else if (wanted < before && (atOnce || now - changed >= INTERVAL.toNanos())) {
      int next = atOnce ? wanted : before - 1;
      log.debug(
          "the warm pool of the profile {} shrinks from {} to {} slots; {} are wanted",
          profile.name(),
          before,
          next,
          wanted);
      pool.resize(profile, next);
      changed = now;
    }
  }

  private static long millis(long nanos) {
    return Duration.ofNanos(nanos).toMillis();
  }
}
