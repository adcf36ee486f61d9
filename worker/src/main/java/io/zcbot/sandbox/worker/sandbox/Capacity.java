/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/** Limits the number of sandboxes on this host, idle slots of the warm pool included. */
public final class Capacity {
  private final int max;
  private final AtomicInteger taken = new AtomicInteger();

  /** Room for {@code max} sandboxes. */
  public Capacity(int max) {
    this.max = max;
  }

  /** A place for one more sandbox; null if the host is full. */
  public @Nullable Place tryTake() {
    int now = taken.get();
    while (now < max) {
      if (taken.compareAndSet(now, now + 1)) {
        return new Place(this);
      }
      now = taken.get();
    }
    return null;
  }

  void free() {
    taken.decrementAndGet();
  }

  public int max() {
    return max;
  }

  /** How many places are taken, by sandboxes and by what is about to become one. */
  public int taken() {
    return taken.get();
  }
}
