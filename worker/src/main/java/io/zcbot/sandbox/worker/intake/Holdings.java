/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.sandbox.FencedException;
import org.jspecify.annotations.Nullable;

/**
 * The assignments of partitions that the group gave to this worker, for readers of other topics
 * with the same partitions. Any thread.
 */
@FunctionalInterface
public interface Holdings {
  /** The present assignment of a partition; null if it is not this worker's. */
  @Nullable Holding of(int partition);

  /** One assignment of a partition. If the partition comes back, that is another one. */
  interface Holding {
    PartitionState state();

    /** Whether it is certain at this moment that the partition is this worker's. */
    boolean isCertain();

    /**
     * Returns while the partition is this worker's by this assignment, and waits while that is
     * uncertain.
     *
     * @throws FencedException if another worker owns the partition by now
     */
    void pass() throws FencedException, InterruptedException;
  }
}
