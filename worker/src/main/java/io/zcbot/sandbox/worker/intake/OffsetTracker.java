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
 * How far one partition has been worked off, in one assignment of it. Records complete in any
 * order; what may be committed is the position before which all are complete.
 *
 * <p>Offsets have gaps (compaction, transaction markers), so nothing is counted: the offset of the
 * first open record is the position, or, with none open, the position the consumer reported.
 *
 * <p>Each assignment gets an object of its own. A completion that comes late, after the partition
 * was taken away or even given back, marks a record of the old object, which nobody looks at.
 *
 * <p>Confined to the poll thread, but for {@link Slot}.
 */
final class OffsetTracker {
  private final ArrayDeque<Slot> open = new ArrayDeque<>();
  private long position;
  private long committed;
  private volatile Tenure tenure = Tenure.HELD;

  /** Whose the partition is, as far as is known. */
  enum Tenure {
    /** This worker's. */
    HELD,
    /** Going to another: what runs may end, nothing may begin. */
    ENDING,
    /** Another's: nothing of it may be announced any more. */
    OVER
  }

  /** Starts at the position from which the assignment will be read. */
  OffsetTracker(long position) {
    this.position = position;
    this.committed = position;
  }

  /** A record that was read. Completed by whoever worked it off, on any thread. */
  final class Slot {
    private final long offset;
    private final @Nullable UserId user;
    private volatile boolean done;

    private Slot(long offset, @Nullable UserId user) {
      this.offset = offset;
      this.user = user;
    }

    void complete() {
      done = true;
    }

    Tenure tenure() {
      return tenure;
    }
  }

  /**
   * Notes a record that was read; they come in the order of their offsets.
   *
   * @param user whose lane works on it; null if none does
   */
  Slot open(long offset, @Nullable UserId user) {
    Slot last = open.peekLast();
    if (last != null && last.offset >= offset) {
      throw new IllegalStateException("offset " + offset + " after " + last.offset);
    }
    Slot slot = new Slot(offset, user);
    open.addLast(slot);
    return slot;
  }

  /** Notes from where the consumer reads on, behind every record that was opened. */
  void advanceTo(long position) {
    this.position = position;
  }

  /** How many records are held: those open, and those complete behind an open one. */
  int held() {
    drain();
    return open.size();
  }

  /** The position to commit, if it is another than the last one committed. */
  OptionalLong committable() {
    drain();
    Slot first = open.peekFirst();
    long reached = first == null ? position : first.offset;
    return reached > committed ? OptionalLong.of(reached) : OptionalLong.empty();
  }

  /** Notes a successful commit. */
  void committed(long position) {
    committed = Math.max(committed, position);
  }

  /** Tells every slot; a tenure only ever moves on. */
  void tenure(Tenure next) {
    if (next.compareTo(tenure) > 0) {
      tenure = next;
    }
  }

  /** The position last known to be committed. */
  long committedPosition() {
    return committed;
  }

  /** The users whose lanes work on open records. */
  Set<UserId> usersAtWork() {
    Set<UserId> users = new HashSet<>();
    for (Slot slot : open) {
      if (!slot.done && slot.user != null) {
        users.add(slot.user);
      }
    }
    return users;
  }

  private void drain() {
    for (Slot first = open.peekFirst(); first != null && first.done; first = open.peekFirst()) {
      open.removeFirst();
    }
  }
}
