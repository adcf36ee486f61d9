/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import java.util.OptionalLong;

/**
 * The instant up to which activity has been read. Idleness is judged at that instant, and never
 * later (I5).
 */
@FunctionalInterface
public interface LowWatermark {
  /**
   * The latest instant, on the monotonic clock, before which every appended activity of the
   * partition has been read. Empty while no such instant is known. Any thread.
   */
  OptionalLong readUpTo(int partition);
}
