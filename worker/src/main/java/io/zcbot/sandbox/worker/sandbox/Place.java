/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Room for one sandbox on this host. Its owner either closes it or hands it over: a slot hands it
 * to the sandbox that it becomes, a sandbox closes it. So it is returned exactly once.
 */
public final class Place implements AutoCloseable {
  private final AtomicReference<@Nullable Capacity> held;

  Place(Capacity capacity) {
    this.held = new AtomicReference<>(capacity);
  }

  /**
   * Moves the room to a new owner. Closing this object does nothing from then on.
   *
   * @throws IllegalStateException if it was closed or handed over before
   */
  public Place handOver() {
    Capacity capacity = held.getAndSet(null);
    if (capacity == null) {
      throw new IllegalStateException("a place can't be handed over twice or after it was closed");
    }
    return new Place(capacity);
  }

  /** Whether it was neither closed nor handed over. */
  public boolean isHeld() {
    return held.get() != null;
  }

  @Override
  public void close() {
    Capacity capacity = held.getAndSet(null);
    if (capacity != null) {
      capacity.free();
    }
  }
}
