/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import java.util.concurrent.locks.LockSupport;

/** Load at a fixed rate, whatever the answers do: who waits behind others is counted as waiting. */
final class OpenLoop {
  /** Does the i-th thing, which was to begin at an instant of {@link System#nanoTime}. */
  interface Step {
    void run(int i, long intended) throws Exception;
  }

  private OpenLoop() {}

  static void run(double perSecond, double seconds, Step step) throws Exception {
    int count = (int) Math.round(perSecond * seconds);
    long start = System.nanoTime() + 1_000_000;
    for (int i = 0; i < count; i++) {
      long intended = start + (long) (i * 1e9 / perSecond);
      for (long left = intended - System.nanoTime();
          left > 0;
          left = intended - System.nanoTime()) {
        LockSupport.parkNanos(left);
      }
      step.run(i, intended);
    }
  }
}
