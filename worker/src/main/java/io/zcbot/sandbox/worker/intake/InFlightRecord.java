/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.UserId;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A record that was read and is not committed yet. Completed on any thread. */
final class InFlightRecord {
  private final long offset;
  private final Optional<Integer> epoch;
  private final @Nullable UserId user;
  private final Supplier<PartitionState> partition;
  private final long due;
  private volatile boolean complete;

  /**
   * A record in flight.
   *
   * @param epoch of the leader that appended it
   * @param user whose lane works on it; null if none does
   * @param partition the state of its partition in the assignment that it was read in
   * @param due when it should be complete, on the monotonic clock
   */
  InFlightRecord(
      long offset,
      Optional<Integer> epoch,
      @Nullable UserId user,
      Supplier<PartitionState> partition,
      long due) {
    this.offset = offset;
    this.epoch = epoch;
    this.user = user;
    this.partition = partition;
    this.due = due;
  }

  /** The record's effect is in the log. */
  void complete() {
    complete = true;
  }

  boolean isComplete() {
    return complete;
  }

  long offset() {
    return offset;
  }

  /** Of the leader that appended it. */
  Optional<Integer> epoch() {
    return epoch;
  }

  /** The user whose lane works on it; null if none does. */
  @Nullable UserId user() {
    return user;
  }

  /** When it should be complete, on the monotonic clock. */
  long due() {
    return due;
  }

  PartitionState partition() {
    return partition.get();
  }
}
