/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import java.time.Instant;

/**
 * The two clocks. Ages and deadlines go by the monotonic one, which no administrator can set; the
 * wall clock only labels events and reads other people's timestamps.
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
