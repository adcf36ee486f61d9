/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.demand;

import java.time.Duration;
import java.util.Arrays;

/**
 * The times at which new users came during the last day, in milliseconds; at most {@value #MOST},
 * of 8 bytes each. If more came, the oldest are forgotten. Thread-safe.
 */
public final class Arrivals {
  /** A day, and an hour more for the periods that the sizing looks at. */
  public static final Duration MEMORY = Duration.ofHours(25);

  static final int MOST = 1 << 17;

  private long[] times = new long[256]; // the first `count`, in ascending order
  private int count;

  /** Notes that a user came. */
  public synchronized void add(long at) {
    if (count == times.length) {
      makeRoom(at - MEMORY.toMillis());
    }
    times[count++] = at;
    if (count > 1 && times[count - 2] > at) {
      Arrays.sort(times, 0, count);
    }
  }

  /** Notes users who came before, in any order. If there is no room, the oldest are dropped. */
  public synchronized void addAll(long[] before) {
    long[] all = Arrays.copyOf(times, count + before.length);
    System.arraycopy(before, 0, all, count, before.length);
    Arrays.sort(all);
    count = Math.min(all.length, MOST);
    times = Arrays.copyOfRange(all, all.length - count, all.length);
  }

  private void makeRoom(long oldest) {
    int gone = first(oldest);
    if (gone <= count / 4) {
      if (times.length < MOST) {
        times = Arrays.copyOf(times, Math.min(MOST, Math.max(256, 2 * times.length)));
        return;
      }
      gone = count / 4;
    }
    count -= gone;
    System.arraycopy(times, gone, times, 0, count);
  }

  /** The arrivals at or after a time, and before another. */
  synchronized long[] between(long from, long to) {
    return Arrays.copyOfRange(times, first(from), Math.max(first(from), first(to)));
  }

  private int first(long atOrAfter) {
    int low = 0;
    int high = count;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (times[middle] < atOrAfter) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return low;
  }
}
