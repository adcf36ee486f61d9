/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import java.time.Instant;

/**
 * The two clocks. Ages and deadlines use the monotonic clock, which nobody can set; the wall clock
 * is used only for timestamps of events and to read those of others.
 */
public interface Time {
  /** Monotonic nanoseconds, comparable within this process only. */
  long nanos();

  Instant now();

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
