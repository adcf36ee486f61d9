/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.base;

import java.time.Duration;

/**
 * Until when a request is worked on. A deadline that passed while the machine slept has passed.
 *
 * @param arrived when the request was read
 * @param patience for how long it may wait from then on
 */
public record Deadline(ClockReading arrived, Duration patience) {
  /** A deadline for a request that is read now. */
  public static Deadline in(Duration patience, Time time) {
    return new Deadline(ClockReading.now(time), patience);
  }

  /** The nanoseconds left; zero or less once the deadline has passed. */
  public long left(Time time) {
    return patience.toNanos() - ClockReading.now(time).since(arrived);
  }
}
