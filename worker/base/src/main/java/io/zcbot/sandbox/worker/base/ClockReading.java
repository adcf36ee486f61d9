/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.base;

import java.util.concurrent.TimeUnit;

/**
 * An instant on both clocks, for a time that must not be taken for shorter than it was. The
 * monotonic clock stands still while the machine sleeps, and the wall clock may be set back.
 *
 * @param nanos on the monotonic clock
 * @param millis on the wall clock
 */
public record ClockReading(long nanos, long millis) {
  /** The present. */
  public static ClockReading now(Time time) {
    return new ClockReading(time.nanos(), time.now().toEpochMilli());
  }

  /** The nanoseconds since an earlier moment, by the clock that shows more of them. */
  public long since(ClockReading earlier) {
    return Math.max(nanos - earlier.nanos, TimeUnit.MILLISECONDS.toNanos(millis - earlier.millis));
  }
}
