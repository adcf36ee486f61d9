/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.demand;

import java.util.Arrays;

/** How long making a slot takes, from the last times that it was done. Thread-safe. */
public final class MakeTimes {
  private static final int REMEMBERED = 64;

  /**
   * With fewer times, one that took exceptionally long, such as the first with the pull of the
   * image, must not count as usual.
   */
  private static final int FEW = 10;

  /** Assumed before the second, in milliseconds. */
  private static final long UNKNOWN = 500;

  private final long[] last = new long[REMEMBERED];
  private int count;

  public synchronized void add(long millis) {
    last[count++ % REMEMBERED] = Math.max(1, millis);
  }

  /**
   * The time, in milliseconds, within which nine in ten were made; while few are known, the median.
   */
  public synchronized long millis() {
    int known = Math.min(count, REMEMBERED);
    if (known < 2) {
      return UNKNOWN;
    }
    long[] sorted = Arrays.copyOf(last, known);
    Arrays.sort(sorted);
    return sorted[known < FEW ? (known - 1) / 2 : (9 * known - 1) / 10];
  }
}
