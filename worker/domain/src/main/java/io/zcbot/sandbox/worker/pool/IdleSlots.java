/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.pool;

import io.zcbot.sandbox.worker.sandbox.Reservation;
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
 * The record of slots that this process created: the idle ones, the one being created, and, until
 * they are released, those that became sandboxes or are being destroyed. Thread-safe; never blocks.
 */
final class IdleSlots {
  private int target;
  private final Deque<Slot> idle = new ArrayDeque<>();
  private final Set<String> known = new HashSet<>();
  private @Nullable Making making;
  private boolean closed;

  private record Making(String slotId, Reservation reservation) {}

  /** An empty pool that wants {@code target} idle slots. */
  IdleSlots(int target) {
    this.target = target;
  }

  synchronized int target() {
    return target;
  }

  /** Sets how many idle slots are wanted. */
  synchronized void resize(int wanted) {
    target = wanted;
  }

  /** Takes the slot that was idle for longest, if there are more than wanted; else null. */
  synchronized @Nullable Slot takeSurplus() {
    return idle.size() > target ? idle.poll() : null;
  }

  synchronized boolean wantsMore() {
    return !closed && making == null && idle.size() < target;
  }

  /** Notes that a slot is being made; the pool keeps its place until {@link #endMaking}. */
  synchronized void begin(String slotId, Reservation reservation) {
    if (making != null) {
      throw new IllegalStateException("two slots are created at the same time");
    }
    making = new Making(slotId, reservation);
    known.add(slotId);
  }

  /**
   * Adds the slot that was being made; false if it is not wanted any more, or its place was taken.
   */
  synchronized boolean add(Slot slot) {
    if (closed || !slot.reservation().isHeld()) {
      return false;
    }
    making = null;
    idle.add(slot);
    return true;
  }

  /** If the slot being made was not added, forgets it and gives its place back. */
  synchronized void endMaking() {
    if (making != null) {
      known.remove(making.slotId());
      making.reservation().close();
      making = null;
    }
  }

  /**
   * Takes the place of the slot being made, which is not added then; null if none is being made.
   */
  synchronized @Nullable Reservation takePlaceOfMaking() {
    return making != null && making.reservation().isHeld() ? making.reservation().handOver() : null;
  }

  /** Takes the slot that was idle for longest; null if there is none. The slot stays known. */
  synchronized @Nullable Slot take() {
    return idle.poll();
  }

  /** Takes all idle slots that a predicate accepts. They stay known. */
  synchronized List<Slot> takeIf(Predicate<Slot> which) {
    List<Slot> taken = new ArrayList<>();
    for (Iterator<Slot> i = idle.iterator(); i.hasNext(); ) {
      Slot slot = i.next();
      if (which.test(slot)) {
        i.remove();
        taken.add(slot);
      }
    }
    return taken;
  }

  /** Forgets a slot of which nothing is left. */
  synchronized void forget(String slotId) {
    known.remove(slotId);
  }

  /** Whether this process still takes care of a slot, so that no sweep may remove it. */
  synchronized boolean knows(String slotId) {
    return known.contains(slotId);
  }

  synchronized List<Slot> all() {
    return List.copyOf(idle);
  }

  synchronized int size() {
    return idle.size();
  }

  synchronized boolean isClosed() {
    return closed;
  }

  /** Wants and adds no more slots. */
  synchronized void close() {
    closed = true;
  }
}
