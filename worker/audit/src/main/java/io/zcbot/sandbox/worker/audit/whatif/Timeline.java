/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.whatif;

import java.util.Arrays;

/**
 * How many sandboxes ran and how many users found no slot, over time, in {@value #BINS} equal
 * periods at most: they become twice as long when the last one is over.
 */
public final class Timeline {
  static final int BINS = 512;

  private static final long SHORTEST = 1000;

  private final int[] running = new int[BINS];
  private final int[] creates = new int[BINS];
  private final int[] refusals = new int[BINS];
  private long begin = Long.MIN_VALUE;
  private long width = SHORTEST;
  private int last;
  private int now;

  /** So many run from now on. Times do not go back. */
  void run(long at, int count) {
    int bin = bin(at);
    now = count;
    running[bin] = Math.max(running[bin], count);
  }

  void created(long at) {
    creates[bin(at)]++;
  }

  void refused(long at) {
    refusals[bin(at)]++;
  }

  private int bin(long at) {
    if (begin == Long.MIN_VALUE) {
      begin = at;
    }
    while ((at - begin) / width >= BINS) {
      halve();
    }
    int bin = (int) Math.max(last, (at - begin) / width);
    if (bin > last) {
      Arrays.fill(running, last + 1, bin + 1, now);
      last = bin;
    }
    return bin;
  }

  private void halve() {
    for (int i = 0; i < BINS; i++) {
      int from = 2 * i;
      boolean known = from < BINS;
      running[i] = known ? Math.max(running[from], running[from + 1]) : 0;
      creates[i] = known ? creates[from] + creates[from + 1] : 0;
      refusals[i] = known ? refusals[from] + refusals[from + 1] : 0;
    }
    last /= 2;
    width *= 2;
  }

  /** How many periods there are. */
  int size() {
    return last + 1;
  }

  int running(int bin) {
    return running[bin];
  }

  int creates(int bin) {
    return creates[bin];
  }

  int refusals(int bin) {
    return refusals[bin];
  }

  /** When it begins, in milliseconds since 1970. */
  long begin() {
    return begin == Long.MIN_VALUE ? 0 : begin;
  }

  /** How long each period is, in milliseconds. */
  long width() {
    return width;
  }
}
