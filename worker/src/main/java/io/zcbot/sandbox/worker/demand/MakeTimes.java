/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.demand;

import java.util.Arrays;

/** How long making a slot takes, from the last times that it was done. Thread-safe. */
public final class MakeTimes {
  private static final int REMEMBERED = 64;

  /** Assumed before the first, in milliseconds. */
  private static final long UNKNOWN = 500;

  private final long[] last = new long[REMEMBERED];
  private int count;

  public synchronized void add(long millis) {
    last[count++ % REMEMBERED] = Math.max(1, millis);
  }

  /** The time, in milliseconds, within which nine in ten were made. */
  public synchronized long millis() {
    int known = Math.min(count, REMEMBERED);
    if (known == 0) {
      return UNKNOWN;
    }
    long[] sorted = Arrays.copyOf(last, known);
    Arrays.sort(sorted);
    return sorted[(9 * known - 1) / 10];
  }
}
