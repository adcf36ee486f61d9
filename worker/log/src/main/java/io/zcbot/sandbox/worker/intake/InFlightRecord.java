/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.UserId;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** A record that was read and is not committed yet. Any thread may complete it. */
final class InFlightRecord {
  private final long offset;
  private final Optional<Integer> epoch;
  private final @Nullable UserId user;
  private final long due;
  private final AtomicInteger incomplete;
  private final AtomicBoolean complete = new AtomicBoolean();

  /**
   * Creates a record in flight.
   *
   * @param epoch of the leader that appended the record
   * @param user whose lane works on it; null if no lane does
   * @param due when it should be complete, on the monotonic clock
   * @param incomplete counts it until it is complete
   */
  InFlightRecord(
      long offset,
      Optional<Integer> epoch,
      @Nullable UserId user,
      long due,
      AtomicInteger incomplete) {
    this.offset = offset;
    this.epoch = epoch;
    this.user = user;
    this.due = due;
    this.incomplete = incomplete;
    incomplete.incrementAndGet();
  }

  /** The record's effect is in the log. May be called more than once. */
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

  /** The epoch of the leader that appended the record. */
  Optional<Integer> epoch() {
    return epoch;
  }

  /** The user whose lane works on it; null if no lane does. */
  @Nullable UserId user() {
    return user;
  }

  /** When it should be complete, on the monotonic clock. */
  long due() {
    return due;
  }
}
