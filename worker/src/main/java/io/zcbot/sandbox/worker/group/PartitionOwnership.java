/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import io.zcbot.sandbox.worker.intake.PartitionStates;
import io.zcbot.sandbox.worker.sandbox.Time;
import java.time.Duration;
import java.util.function.BooleanSupplier;

/**
 * Knows which partitions this worker owns, and when that is certain enough to remove sandboxes of
 * other partitions. A worker that has just started, rejoins, or stops has fewer partitions than
 * before or afterwards, and must not take that for a decision of the group.
 */
public final class PartitionOwnership {
  /** A restarted worker gets its partitions back well within this. */
  static final Duration RESTART_GRACE = Duration.ofSeconds(30);

  /** And one that has to join again, within this. */
  static final Duration REJOIN_GRACE = Duration.ofSeconds(10);

  private final PartitionStates states;
  private final Time time;
  private boolean joined;
  private final BooleanSupplier stopping;
  private long graceEnds;

  /**
   * Has no partition yet.
   *
   * @param states of the partitions, as the intake moves them
   * @param stopping whether the worker stops: from then on owning nothing means nothing
   */
  public PartitionOwnership(PartitionStates states, Time time, BooleanSupplier stopping) {
    this.states = states;
    this.time = time;
    this.stopping = stopping;
    this.graceEnds = time.nanos() + RESTART_GRACE.toNanos();
  }

  /** Whether sandboxes of the partition's users are this worker's to announce. */
  boolean owns(int partition) {
    return states.of(partition).mayAnnounce();
  }

  /**
   * The group assigned partitions.
   *
   * @return whether it is the first time since the worker joined: what it does not own now is
   *     another's
   */
  synchronized boolean assigned() {
    extendGrace();
    boolean first = !joined;
    joined = true;
    return first;
  }

  /** The worker is out of the group, and joins again. */
  synchronized void lost() {
    joined = false;
    extendGrace();
  }

  /** Whether the worker leaves by itself. */
  boolean isStopping() {
    return stopping.getAsBoolean();
  }

  /**
   * Whether a sandbox of a partition not owned is another's to announce.
   *
   * @param kafkaReached joining takes Kafka, so while it is away nothing is certain
   */
  synchronized boolean isCertain(boolean kafkaReached) {
    if (!kafkaReached) {
      extendGrace();
    }
    return !isStopping() && time.nanos() - graceEnds > 0;
  }

  private void extendGrace() {
    graceEnds = time.nanos() + REJOIN_GRACE.toNanos();
  }
}
