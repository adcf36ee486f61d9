/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

/**
 * The states of partitions. Any thread may read them; only the intake changes them, in a rebalance.
 */
@FunctionalInterface
public interface PartitionStates {
  /** The state of a partition now; {@link PartitionState#LOST} if it was never assigned. */
  PartitionState of(int partition);
}
