/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

/** Tells whose each partition is, on any thread. Only the intake, in a rebalance, moves a state. */
@FunctionalInterface
public interface PartitionStates {
  /** The state of a partition now; {@link PartitionState#LOST} if it was never assigned. */
  PartitionState of(int partition);
}
