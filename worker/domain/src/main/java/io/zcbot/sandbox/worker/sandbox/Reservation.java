/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import org.jspecify.annotations.Nullable;

/**
 * Room for one sandbox on this host. Its owner either closes it or hands it over: a slot hands it
 * to the sandbox that it becomes, and a sandbox closes it. So it is returned exactly once.
 * Thread-safe.
 */
public final class Reservation implements AutoCloseable {
  private @Nullable Capacity held;

  Reservation(Capacity capacity) {
    this.held = capacity;
  }

  /**
   * Moves the room to a new owner. Closing this object then does nothing.
   *
   * @throws IllegalStateException if it was closed or handed over before
   */
  public Reservation handOver() {
    Capacity capacity = take();
    if (capacity == null) {
      throw new IllegalStateException("a place can't be handed over twice or after it was closed");
    }
    return new Reservation(capacity);
  }

  /** Whether it was neither closed nor handed over. */
  public synchronized boolean isHeld() {
    return held != null;
  }

  @Override
  public void close() {
    Capacity capacity = take();
    if (capacity != null) {
      capacity.free();
    }
  }

  private synchronized @Nullable Capacity take() {
    Capacity capacity = held;
    held = null;
    return capacity;
  }
}
