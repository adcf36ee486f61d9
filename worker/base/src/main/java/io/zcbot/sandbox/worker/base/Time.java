/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.base;

import java.time.Duration;
import java.time.Instant;

/**
 * The two clocks. Ages and deadlines use the monotonic clock, which nobody can set, but which
 * stands still while the machine sleeps. The wall clock is used only for timestamps of events, to
 * interpret those of others, and where a sleep matters ({@link ClockReading}). Thread-safe.
 */
public interface Time {
  /** Ages are cut to this, which is longer than any idle TTL. */
  Duration OLDEST = Duration.ofDays(366);

  /** Monotonic nanoseconds, comparable within this process only. */
  long nanos();

  Instant now();

  /**
   * The age of an instant in nanoseconds; zero for one in the future. It is cut, since a long holds
   * only 292 years.
   *
   * @param instant of a record, which its writer may have chosen
   */
  default long age(Instant instant) {
    Duration age = Duration.between(instant, now());
    return age.isNegative() ? 0 : age.compareTo(OLDEST) > 0 ? OLDEST.toNanos() : age.toNanos();
  }

  /** The clocks of this machine. */
  static Time system() {
    return new Time() {
      @Override
      public long nanos() {
        return System.nanoTime();
      }

      @Override
      public Instant now() {
        return Instant.now();
      }
    };
  }
}
