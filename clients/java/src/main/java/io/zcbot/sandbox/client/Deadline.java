/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.time.Duration;
import java.util.function.LongSupplier;

/** The end of a wait, on a monotonic clock in nanoseconds. */
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

  /** Returns the nanoseconds left; 0 if the deadline is over. */
  long nanosLeft() {
    return Math.max(0, at - clock.getAsLong());
  }

  Duration left() {
    return Duration.ofNanos(nanosLeft());
  }

  boolean isOver() {
    return nanosLeft() == 0;
  }

  /** Returns the earlier one of this deadline and a time from now. */
  Deadline atMost(Duration time) {
    Deadline other = in(time, clock);
    return other.at - at < 0 ? other : this;
  }
}
