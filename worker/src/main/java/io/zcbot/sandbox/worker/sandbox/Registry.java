/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.UserId;
import java.util.Collection;
import java.util.Collections;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The sandboxes this worker runs, and the places they take of the host's capacity. An entry is
 * added and removed in its user's lane only; anyone may look.
 */
public final class Registry {
  private final ConcurrentHashMap<UserId, Sandbox> sandboxes = new ConcurrentHashMap<>();
  private final AtomicInteger placesTaken = new AtomicInteger();
  private final int capacity;

  /** An empty registry of a host that runs at most {@code capacity} sandboxes. */
  public Registry(int capacity) {
    this.capacity = capacity;
  }

  /** Takes a place for a sandbox about to be made; false if the host is full. */
  boolean tryReserve() {
    int taken = placesTaken.get();
    while (taken < capacity) {
      if (placesTaken.compareAndSet(taken, taken + 1)) {
        return true;
      }
      taken = placesTaken.get();
    }
    return false;
  }

  /** Gives back the place of a sandbox that was not made after all. */
  void release() {
    placesTaken.decrementAndGet();
  }

  /** Enters a sandbox; its place was reserved. */
  void add(Sandbox sandbox) {
    Sandbox before = sandboxes.put(sandbox.user(), sandbox);
    if (before != null) {
      throw new IllegalStateException("two sandboxes for user " + sandbox.user());
    }
  }

  /** Removes a sandbox and gives back its place; does nothing if it was removed before. */
  void remove(Sandbox sandbox) {
    if (sandboxes.remove(sandbox.user(), sandbox)) {
      release();
    }
  }

  @Nullable Sandbox get(UserId user) {
    return sandboxes.get(user);
  }

  Collection<Sandbox> all() {
    return Collections.unmodifiableCollection(sandboxes.values());
  }

  int capacity() {
    return capacity;
  }

  /** How much of the capacity is taken, by sandboxes and by what is about to become one. */
  int placesTaken() {
    return placesTaken.get();
  }

  /** How many sandboxes run. */
  public int size() {
    return sandboxes.size();
  }

  /** Notes that a user's sandbox is in use; without effect if this worker runs none. */
  public void touch(UserId user, long at) {
    Sandbox sandbox = sandboxes.get(user);
    if (sandbox != null) {
      sandbox.touch(at);
    }
  }
}
