/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import org.jspecify.annotations.Nullable;

/** Limits the number of sandboxes on this host, idle slots of the warm pool included. */
public final class Capacity {
  private final int max;
  private int taken;
  private int awaited;

  /** Room for {@code max} sandboxes. */
  public Capacity(int max) {
    this.max = max;
  }

  /** A place for one more sandbox; null if the host is full. */
  public synchronized @Nullable Place tryTake() {
    if (taken >= max) {
      return null;
    }
    taken++;
    return new Place(this);
  }

  /** A place that nobody waits for; null if there is none. */
  public synchronized @Nullable Place tryTakeBehindAll() {
    return taken + awaited < max ? tryTake() : null;
  }

  /** Somebody waits for a place until the wait is closed. */
  public synchronized Wait beginWait() {
    awaited++;
    return new Wait();
  }

  /** Keeps one place from those who take theirs behind all. */
  public final class Wait implements AutoCloseable {
    private Wait() {}

    /** A place that none of the others who wait needs; null if there is none. */
    public @Nullable Place tryTake() {
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

  /** How many places are taken, by sandboxes and by what is about to become one. */
  public synchronized int taken() {
    return taken;
  }
}
