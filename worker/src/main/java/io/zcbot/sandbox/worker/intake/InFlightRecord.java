/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.UserId;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A record that was read and is not committed yet. Completed on any thread. */
final class InFlightRecord {
  private final long offset;
  private final Optional<Integer> epoch;
  private final @Nullable UserId user;
  private final Supplier<PartitionState> partition;
  private final long due;
  private final AtomicInteger incomplete;
  private final AtomicBoolean complete = new AtomicBoolean();

  /**
   * A record in flight.
   *
   * @param epoch of the leader that appended it
   * @param user whose lane works on it; null if none does
   * @param partition the state of its partition in the assignment that it was read in
   * @param due when it should be complete, on the monotonic clock
   * @param incomplete counts it until it is complete
   */
  InFlightRecord(
      long offset,
      Optional<Integer> epoch,
      @Nullable UserId user,
      Supplier<PartitionState> partition,
      long due,
      AtomicInteger incomplete) {
    this.offset = offset;
    this.epoch = epoch;
    this.user = user;
    this.partition = partition;
    this.due = due;
    this.incomplete = incomplete;
    incomplete.incrementAndGet();
  }

  /** The record's effect is in the log; may be said more than once. */
  void complete() {
    if (complete.compareAndSet(false, true)) {
      int _ = incomplete.decrementAndGet();
    }
  }

  boolean isComplete() {
    return complete.get();
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
