/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import java.time.Duration;
import java.time.Instant;

/**
 * The two clocks. Ages and deadlines use the monotonic clock, which nobody can set; the wall clock
 * is used only for timestamps of events and to read those of others.
 */
public interface Time {
  /** Older than any idle TTL: what is older still counts the same. */
  Duration OLDEST = Duration.ofDays(366);

  /** Monotonic nanoseconds, comparable within this process only. */
  long nanos();

  Instant now();

  /**
   * How long ago an instant was, in nanoseconds, of which a long holds 292 years; zero for one of
   * the future.
   *
   * @param instant of a record, which its writer may have chosen
   */
  default long age(Instant instant) {
    Duration age = Duration.between(instant, now());
    return age.isNegative() ? 0 : age.compareTo(OLDEST) > 0 ? OLDEST.toNanos() : age.toNanos();
  }

  /** This machine's clocks. */
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
