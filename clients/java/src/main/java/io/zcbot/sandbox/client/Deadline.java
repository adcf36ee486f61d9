/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.time.Duration;
import java.util.function.LongSupplier;

/** When somebody stops waiting, on a monotonic clock in nanoseconds. */
record Deadline(long at, LongSupplier clock) {
  static Deadline in(Duration time, LongSupplier clock) {
    return new Deadline(clock.getAsLong() + time.toNanos(), clock);
  }

  static Deadline in(Duration time) {
    return in(time, System::nanoTime);
  }

  static void requirePositive(String name, Duration duration) {
    if (duration.isNegative() || duration.isZero() || duration.toDays() > 36_500) {
      throw new InvalidRequestException(
          name, name + ": is " + duration + "; it must be more than nothing, 100 years at most");
    }
  }

  /** 0 if it is over. */
  long nanosLeft() {
    return Math.max(0, at - clock.getAsLong());
  }

  boolean isOver() {
    return nanosLeft() == 0;
  }

  /** The earlier one of this and some time from now. */
  Deadline atMost(Duration time) {
    Deadline other = in(time, clock);
    return other.at - at < 0 ? other : this;
  }
}
