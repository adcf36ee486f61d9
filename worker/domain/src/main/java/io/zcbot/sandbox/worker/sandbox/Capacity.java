/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import org.jspecify.annotations.Nullable;

/**
 * Limits the number of sandboxes on this host, including idle slots of the warm pool. Thread-safe;
 * no method blocks.
 */
public final class Capacity {
  private final int max;
  private int taken;
  private int awaited;

  /** Creates room for {@code max} sandboxes. */
  public Capacity(int max) {
    this.max = max;
  }

  /** Takes a place for one more sandbox; null if the host is full. */
  public synchronized @Nullable Reservation tryTake() {
    if (taken >= max) {
      return null;
    }
    taken++;
    return new Reservation(this);
  }

  /** Takes a place that nobody waits for; null if there is none. */
  public synchronized @Nullable Reservation tryTakeBehindAll() {
    return taken + awaited < max ? tryTake() : null;
  }

  /** Registers that the caller waits for a place until it closes the wait. */
  public synchronized Wait beginWait() {
    awaited++;
    return new Wait();
  }

  /** A wait for a place. It reserves one place against {@link #tryTakeBehindAll}. */
  public final class Wait implements AutoCloseable {
    private Wait() {}

    /** Takes a place that no other wait needs; null if there is none. */
    public @Nullable Reservation tryTake() {
      synchronized (Capacity.this) {
        return taken + awaited - 1 < max ? Capacity.this.tryTake() : null;
      }
    }

    @Override
    public void close() {
      synchronized (Capacity.this) {
        awaited--;
      }
    }
  }

  synchronized void free() {
    taken--;
  }

  public int max() {
    return max;
  }

  /** The number of places taken by sandboxes, and by containers that will become one. */
  public synchronized int taken() {
    return taken;
  }
}
