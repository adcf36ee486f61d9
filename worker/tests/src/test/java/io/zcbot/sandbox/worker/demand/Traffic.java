/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.demand;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.function.LongToDoubleFunction;
import java.util.stream.LongStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** The arrival times of new users, drawn from a seed, in milliseconds and in ascending order. */
public final class Traffic {
  static final long HOUR = Duration.ofHours(1).toMillis();

  private Traffic() {}

  /** Independent users, at the given rate per second. */
  public static long[] poisson(Random random, double perSecond, long from, long to) {
    return daily(random, perSecond, _ -> 1, from, to);
  }

  /** Independent users, more at some times than at others. */
  static long[] daily(
      Random random, double mostPerSecond, LongToDoubleFunction share, long from, long to) {
    List<Long> times = new ArrayList<>();
    for (double at = gap(random, mostPerSecond, from);
        at < to;
        at = gap(random, mostPerSecond, at)) {
      if (random.nextDouble() < share.applyAsDouble((long) at)) {
        times.add((long) at);
      }
    }
    return times.stream().mapToLong(Long::longValue).toArray();
  }

  private static double gap(Random random, double perSecond, double after) {
    return after - Math.log(1 - random.nextDouble()) * 1000 / perSecond;
  }

  /** Groups of about the given number of users, each within some time, at unpredictable times. */
  public static long[] groups(
      Random random, int size, Duration within, Duration between, long from, long to) {
    return LongStream.of(poisson(random, 1000.0 / between.toMillis(), from, to))
        .flatMap(at -> LongStream.of(group(random, size, within, at)))
        .sorted()
        .toArray();
  }

  static long[] group(Random random, int size, Duration within, long at) {
    long users = Math.max(1, Math.round(size + random.nextGaussian() * Math.sqrt(size)));
    return LongStream.range(0, users)
        .map(_ -> at + (long) (random.nextDouble() * within.toMillis()))
        .sorted()
        .toArray();
  }

  static long[] together(long[]... all) {
    return Stream.of(all).flatMapToLong(LongStream::of).sorted().toArray();
  }

  /** A pool's results from some time on. */
  record Result(int users, int claimed, double meanIdle, int largest) {
    double share() {
      return (double) claimed / users;
    }
  }

  /**
   * Sends users to a pool.
   *
   * @param sizing asked every minute, as a worker does; null for a pool of the size {@code size}
   */
  static Result run(
      long[] arrivals, int size, @Nullable PoolSizing sizing, long makeMillis, long from, long to) {
    Arrivals known = new Arrivals();
    PoolModel pool = new PoolModel(size, makeMillis, 0);
    int next = 0;
    int users = 0;
    int claimed = 0;
    int largest = 0;
    double idleBefore = 0;
    for (long now = 0; now <= to; now += 60_000) {
      for (; next < arrivals.length && arrivals[next] < now; next++) {
        boolean got = pool.take(arrivals[next]);
        known.add(arrivals[next]);
        users += arrivals[next] >= from ? 1 : 0;
        claimed += arrivals[next] >= from && got ? 1 : 0;
      }
      pool.advance(now);
      if (now <= from) {
        idleBefore = pool.idleMillis();
      } else {
        largest = Math.max(largest, pool.target());
      }
      if (sizing != null) {
        int wanted = sizing.wanted(known, now, makeMillis);
        if (wanted > pool.target()) {
          pool.resize(wanted, makeMillis, now);
        } else if (wanted < pool.target()) {
          pool.resize(pool.target() - 1, makeMillis, now);
        }
      }
    }
    return new Result(users, claimed, (pool.idleMillis() - idleBefore) / (to - from), largest);
  }

  /** The smallest pool of a fixed size that keeps the promise; it knows the future. */
  static Result smallestFixed(long[] arrivals, long makeMillis, long from, long to) {
    for (int size = 1; ; size++) {
      Result result = run(arrivals, size, null, makeMillis, from, to);
      if (result.share() >= 0.99) {
        return result;
      }
    }
  }
}
