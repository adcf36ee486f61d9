/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.UserId;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/** A record that was read and is not committed yet. Completed on any thread. */
final class InFlightRecord {
  private final long offset;
  private final @Nullable UserId user;
  private final Supplier<PartitionState> partition;
  private volatile boolean complete;

  /**
   * A record in flight.
   *
   * @param user whose lane works on it; null if none does
   * @param partition the state of its partition in the assignment that it was read in
   */
  InFlightRecord(long offset, @Nullable UserId user, Supplier<PartitionState> partition) {
    this.offset = offset;
    this.user = user;
    this.partition = partition;
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

  /** The user whose lane works on it; null if none does. */
  @Nullable UserId user() {
    return user;
  }

  PartitionState partition() {
    return partition.get();
  }
}
