/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.demand;

import java.time.Duration;

/**
 * Computes how many slots a warm pool should hold, from the arrivals of users. It replays periods
 * of the last day through a {@link PoolModel}, takes the smallest pool in which almost every user
 * would have found a slot, and adds a quarter, because the next burst seldom has the size of the
 * last one.
 *
 * <p>The periods are the last hour, which follows a rising number of users; the last six hours,
 * which remember bursts; and the half hour from this time yesterday on, for daily patterns. A burst
 * that is larger than all of these finds too few slots, once.
 */
public final class PoolSizing {
  /** One in so many users may find no slot: half of what the promise of 99 in 100 allows. */
  private static final int USERS_TO_A_MISS = 200;

  private static final long HOUR = Duration.ofHours(1).toMillis();

  /** How long before yesterday's need the pool begins to grow. */
  private static final long AHEAD = Duration.ofMinutes(30).toMillis();

  private final int least;
  private final int most;

  /** Computes sizes within these bounds. */
  public PoolSizing(int least, int most) {
    this.least = least;
    this.most = most;
  }

  /**
   * The size that the pool should have now.
   *
   * @param makeMillis how long making one slot takes
   */
  public int wanted(Arrivals arrivals, long now, long makeMillis) {
    long yesterday = now - 24 * HOUR;
    int needed = least;
    needed = needed(needed, arrivals.between(now - HOUR, now + 1), makeMillis);
    needed = needed(needed, arrivals.between(now - 6 * HOUR, now + 1), makeMillis);
    needed = needed(needed, arrivals.between(yesterday, yesterday + AHEAD), makeMillis);
    return needed == least ? least : Math.min(most, needed + (needed + 3) / 4);
  }

  /**
   * The smallest size, at least {@code already}, with which these users would have found slots. It
   * is looked for in growing steps from there, since it is seldom far, and a size that is too small
   * shows after few users.
   */
  private int needed(int already, long[] arrivals, long makeMillis) {
    int allowed = arrivals.length / USERS_TO_A_MISS;
    int low = already;
    int high = already;
    while (high < most && misses(arrivals, high, makeMillis, allowed) > allowed) {
      low = high + 1;
      high = Math.min(most, 2 * high + 1);
    }
    while (low < high) {
      int middle = (low + high) / 2;
      if (misses(arrivals, middle, makeMillis, allowed) > allowed) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }

  private static int misses(long[] arrivals, int size, long makeMillis, int enough) {
    PoolModel pool = new PoolModel(size, makeMillis, arrivals.length == 0 ? 0 : arrivals[0]);
    int misses = 0;
    for (int i = 0; i < arrivals.length && misses <= enough; i++) {
      if (!pool.take(arrivals[i])) {
        misses++;
      }
    }
    return misses;
  }
}
