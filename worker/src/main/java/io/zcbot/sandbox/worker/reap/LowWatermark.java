/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import java.util.OptionalLong;

/**
 * The instant up to which activity has been read. Idleness is judged at that instant and never
 * later (I5).
 */
@FunctionalInterface
public interface LowWatermark {
  /**
   * The latest instant, on the monotonic clock, for which this holds: every activity appended to
   * the partition before it has been read. Empty while that is not known for any instant.
   */
  OptionalLong readUpTo(int partition);
}
