/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.sandbox.FencedException;
import org.jspecify.annotations.Nullable;

/**
 * The current assignments of this worker's partitions, for readers of other topics that have the
 * same partitions. May be called from any thread.
 */
@FunctionalInterface
public interface Holdings {
  /** The current assignment of a partition; null if this worker does not own it. */
  @Nullable Holding of(int partition);

  /** One assignment of a partition. A partition that comes back has another, unequal one. */
  interface Holding {
    PartitionState state();

    /** Whether this worker certainly owns the partition at this moment. */
    boolean isCertain();

    /**
     * Returns if this worker still owns the partition by this assignment; waits while that is
     * uncertain.
     *
     * @throws FencedException if another worker owns the partition by now
     */
    void pass() throws FencedException, InterruptedException;
  }
}
