/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.pool;

import io.zcbot.sandbox.worker.sandbox.Reservation;
import io.zcbot.sandbox.worker.spec.Profile;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.HashSet;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The record of slots that this process created: the idle ones, the one being created, and, until
 * they are released, those that became sandboxes or are being destroyed. Thread-safe; never blocks.
 */
final class IdleSlots {
  // by the profile's name, guarded by this, as are the fields below
  private final Map<String, Wanted> wanted = new LinkedHashMap<>();
  private final Deque<Slot> idle = new ArrayDeque<>();
  private final Set<String> known = new HashSet<>();
  private @Nullable Making making;
  private boolean closed;

  private record Wanted(Profile profile, int target) {}

  private record Making(String slotId, Reservation reservation) {}

  /** Wants a number of idle slots of each of these profiles, and none of others any more. */
  synchronized void want(Map<Profile, Integer> targets) {
    wanted.clear();
    targets.forEach((profile, target) -> wanted.put(profile.name(), new Wanted(profile, target)));
  }

  /** How many idle slots are wanted. */
  synchronized int target() {
    return wanted.values().stream().mapToInt(Wanted::target).sum();
  }

  /** How many idle slots of a profile are wanted. */
  synchronized int target(Profile profile) {
    Wanted now = wanted.get(profile.name());
    return now == null ? 0 : now.target;
  }

  /** Whether slots of a profile are wanted, at times at least. */
  synchronized boolean isWanted(Profile profile) {
    Wanted now = wanted.get(profile.name());
    return now != null && now.profile.makesTheSameAs(profile);
  }

  /** Sets how many idle slots of a profile are wanted, if any may be. */
  synchronized void resize(Profile profile, int target) {
    wanted.computeIfPresent(profile.name(), (_, now) -> new Wanted(now.profile, target));
  }

  /** Takes the slot that was idle for longest of a profile with more than wanted; else null. */
  synchronized @Nullable Slot takeSurplus() {
    return takeFirst(slot -> size(slot.profile()) > target(slot.profile()));
  }

  /** The profiles that lack slots, the one that has the least part of its own first. */
  synchronized List<Profile> lacking() {
    if (closed || making != null) {
      return List.of();
    }
    return wanted.values().stream()
        .filter(each -> size(each.profile) < each.target)
        .sorted(Comparator.comparingDouble(each -> (double) size(each.profile) / each.target))
        .map(Wanted::profile)
        .toList();
  }

  boolean wantsMore() {
    return !lacking().isEmpty();
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
   * Adds the slot that was being made; false if it is not wanted any more, its place was taken, or
   * its profile has another spec by now.
   */
  synchronized boolean add(Slot slot) {
    if (closed || !slot.reservation().isHeld() || isStale(slot)) {
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

  /**
   * Takes the slot of a profile that was idle for longest; null if there is none. The slot stays
   * known.
   */
  synchronized @Nullable Slot take(Profile profile) {
    return takeFirst(slot -> slot.profile().makesTheSameAs(profile));
  }

  /** Takes a slot of the profile that has most; null if there is none. The slot stays known. */
  synchronized @Nullable Slot takeAny() {
    Slot most =
        idle.stream().max(Comparator.comparingInt(slot -> size(slot.profile()))).orElse(null);
    return most == null ? null : take(most.profile());
  }

  /** Takes the slots whose profile is not wanted any more, or has another spec by now. */
  List<Slot> takeStale() {
    return takeIf(this::isStale);
  }

  private boolean isStale(Slot slot) {
    return !isWanted(slot.profile());
  }

  private @Nullable Slot takeFirst(Predicate<Slot> which) {
    for (Iterator<Slot> i = idle.iterator(); i.hasNext(); ) {
      Slot slot = i.next();
      if (which.test(slot)) {
        i.remove();
        return slot;
      }
    }
    return null;
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

  synchronized int size(Profile profile) {
    int size = 0;
    for (Slot slot : idle) {
      size += slot.profile().name().equals(profile.name()) ? 1 : 0;
    }
    return size;
  }

  synchronized boolean isClosed() {
    return closed;
  }

  /** Wants and adds no more slots. */
  synchronized void close() {
    closed = true;
  }
}
