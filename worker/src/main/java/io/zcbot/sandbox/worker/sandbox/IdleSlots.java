/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The slots that this process made: the parked ones, the one being made, and, until they are
 * released, those that became sandboxes or are being destroyed. Only remembers; never blocks.
 */
final class IdleSlots {
  private final int target;
  private final Deque<Slot> parked = new ArrayDeque<>();
  private final Set<String> known = new HashSet<>();
  private @Nullable String making;
  private boolean placeGivenUp;
  private boolean closed;

  /** An empty pool that wants {@code target} parked slots. */
  IdleSlots(int target) {
    this.target = target;
  }

  /** How many are to be parked. */
  int target() {
    return target;
  }

  synchronized boolean wantsMore() {
    return !closed && making == null && parked.size() < target;
  }

  /** A slot is being made; its place is taken. */
  synchronized void begin(String slotId) {
    if (making != null) {
      throw new IllegalStateException("two slots are made at a time");
    }
    making = slotId;
    placeGivenUp = false;
    known.add(slotId);
  }

  /** Parks the slot that was being made; false if it is not wanted any more. */
  synchronized boolean park(Slot slot) {
    if (closed || placeGivenUp) {
      return false;
    }
    making = null;
    parked.add(slot);
    return true;
  }

  /**
   * The slot being made came to nothing, and nothing is left of it that the pool has to know.
   *
   * @return whether its place is still taken
   */
  synchronized boolean giveUpMaking() {
    if (making != null) {
      known.remove(making);
      making = null;
    }
    return !placeGivenUp;
  }

  /** Takes the place of the slot being made, which then goes; false if none is. */
  synchronized boolean takePlaceOfMaking() {
    if (making == null || placeGivenUp) {
      return false;
    }
    placeGivenUp = true;
    return true;
  }

  /** The slot that was parked for longest; null if none is. The pool goes on to know it. */
  synchronized @Nullable Slot take() {
    return parked.poll();
  }

  /** As {@link #take}, all that a predicate names. */
  synchronized List<Slot> takeIf(Predicate<Slot> which) {
    List<Slot> taken = new ArrayList<>();
    for (Iterator<Slot> i = parked.iterator(); i.hasNext(); ) {
      Slot slot = i.next();
      if (which.test(slot)) {
        i.remove();
        taken.add(slot);
      }
    }
    return taken;
  }

  /** Nothing is left of a slot. */
  synchronized void forget(String slotId) {
    known.remove(slotId);
  }

  /** Whether somebody here still takes care of the slot. */
  synchronized boolean knows(String slotId) {
    return known.contains(slotId);
  }

  synchronized List<Slot> parked() {
    return List.copyOf(parked);
  }

  synchronized int size() {
    return parked.size();
  }

  synchronized boolean isClosed() {
    return closed;
  }

  /** Wants no more, and parks no more. */
  synchronized void close() {
    closed = true;
  }
}
