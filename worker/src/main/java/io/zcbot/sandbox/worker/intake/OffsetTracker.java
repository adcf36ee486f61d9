/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.UserId;
import java.util.ArrayDeque;
import java.util.HashSet;
import java.util.OptionalLong;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * The progress of one partition in one assignment. Records complete in any order; the offset to
 * commit is the position before which all are complete.
 *
 * <p>Offsets have gaps (compaction, transaction markers), so nothing is counted: the offset of the
 * first record in flight is the position, or, with none in flight, the position the consumer
 * reported.
 *
 * <p>Each assignment gets an object of its own. A completion that comes late, after the partition
 * was taken away or even given back, marks a record of the old object, which nobody looks at.
 *
 * <p>Confined to the poll thread, but for the state of the partition, which any thread reads.
 */
final class OffsetTracker {
  private final ArrayDeque<InFlightRecord> inFlight = new ArrayDeque<>();
  private long position;
  private long committed;
  private volatile PartitionState state = PartitionState.TAKING_OVER;

  /** Starts at the position from which the assignment will be read. */
  OffsetTracker(long position) {
    this.position = position;
    this.committed = position;
  }

  /**
   * Notes a record that was read; they come in the order of their offsets.
   *
   * @param user whose lane works on it; null if none does
   */
  InFlightRecord open(long offset, @Nullable UserId user) {
    InFlightRecord last = inFlight.peekLast();
    if (last != null && last.offset() >= offset) {
      throw new IllegalStateException("offset " + offset + " after " + last.offset());
    }
    InFlightRecord record = new InFlightRecord(offset, user, () -> state);
    inFlight.addLast(record);
    return record;
  }

  /** Notes from where the consumer reads on, behind every record in flight. */
  void advanceTo(long position) {
    this.position = position;
  }

  /**
   * How many records are in flight: those not complete, and those complete behind one that is not.
   */
  int inFlight() {
    drain();
    return inFlight.size();
  }

  /** The position to commit, if it is another than the last one committed. */
  OptionalLong committable() {
    drain();
    InFlightRecord first = inFlight.peekFirst();
    long reached = first == null ? position : first.offset();
    return reached > committed ? OptionalLong.of(reached) : OptionalLong.empty();
  }

  /** Notes a successful commit. */
  void committed(long position) {
    committed = Math.max(committed, position);
  }

  PartitionState state() {
    return state;
  }

  /** What the partition's former owner left is announced. */
  void takeOver() {
    state = state.takeOver();
  }

  /** The group takes the partition away. */
  void revoke() {
    state = state.revoke();
  }

  /** Another worker may have the partition already. */
  void lose() {
    state = state.lose();
  }

  /** The position last known to be committed. */
  long committedPosition() {
    return committed;
  }

  /** The users whose lanes work on records in flight. */
  Set<UserId> usersAtWork() {
    Set<UserId> users = new HashSet<>();
    for (InFlightRecord record : inFlight) {
      UserId user = record.user();
      if (!record.isComplete() && user != null) {
        users.add(user);
      }
    }
    return users;
  }

  private void drain() {
    while (!inFlight.isEmpty() && inFlight.getFirst().isComplete()) {
      inFlight.removeFirst();
    }
  }
}
