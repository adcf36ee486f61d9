/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.demand;

import java.time.Duration;

/**
 * How many slots a warm pool should hold, from when users came. It replays periods of the last day
 * through a {@link PoolModel} and takes the smallest pool of which next to nobody would have found
 * none, and some more, because the next burst is seldom the size of the last one.
 *
 * <p>Periods: the last hour, which follows a rising number of users; the last six hours, which
 * remember bursts; and the half hour that began at this time yesterday, for what comes every day. A
 * burst that is larger than all of those finds too few slots, once.
 */
public final class PoolSizing {
  /** Of so many users one may find no slot: half of what the promise of 99 in 100 allows. */
  private static final int USERS_TO_A_MISS = 200;

  private static final long HOUR = Duration.ofHours(1).toMillis();

  /** So long before it was needed yesterday the pool begins to grow. */
  private static final long AHEAD = Duration.ofMinutes(30).toMillis();

  private final int least;
  private final int most;

  /** Sizes within bounds. */
  public PoolSizing(int least, int most) {
    this.least = least;
    this.most = most;
  }

  /**
   * The size to have now.
   *
   * @param makeMillis what making one slot takes
   */
  public int wanted(Arrivals arrivals, long now, long makeMillis) {
    long yesterday = now - 24 * HOUR;
    int needed = least;
    needed = needed(needed, arrivals.between(now - HOUR, now + 1), makeMillis);
    needed = needed(needed, arrivals.between(now - 6 * HOUR, now + 1), makeMillis);
    needed = needed(needed, arrivals.between(yesterday, yesterday + AHEAD), makeMillis);
    return needed == least ? least : Math.min(most, needed + (needed + 3) / 4);
  }

  /** The smallest size, from one that is needed anyway on, with which these users have slots. */
  private int needed(int already, long[] arrivals, long makeMillis) {
    int allowed = arrivals.length / USERS_TO_A_MISS;
    int low = already;
    int high = Math.max(most, already);
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
