/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * Permits that the users of tenants share. A tenant takes no more than it leaves: one alone gets
 * half of them, two get a third each, and there are always some for another one. Safe for
 * concurrent use.
 */
final class SharedPermits {
  /** How long a tenant that has its share waits for permits that it gives back. */
  static final Duration PATIENCE = Duration.ofSeconds(2);

  private final Semaphore all;

  /** Guarded by this. */
  private final Map<String, Integer> taken = new HashMap<>();

  SharedPermits(Semaphore all) {
    this.all = all;
  }

  /** Takes permits. Returns whether the tenant may have them. */
  synchronized boolean take(String tenant, int permits, Deadline deadline)
      throws InterruptedException {
    Deadline patience = deadline.atMost(PATIENCE);
    while (!isTaken(tenant, permits)) {
      if (patience.isOver()) {
        return false;
      }
      TimeUnit.NANOSECONDS.timedWait(this, patience.nanosLeft());
    }
    return true;
  }

  private boolean isTaken(String tenant, int permits) {
    int sum = taken.getOrDefault(tenant, 0) + permits;
    if (sum > all.availablePermits() || !all.tryAcquire(permits)) {
      return false;
    }
    taken.put(tenant, sum);
    return true;
  }

  /** Gives permits back. */
  synchronized void give(String tenant, int permits) {
    all.release(permits);
    taken.computeIfPresent(tenant, (t, sum) -> sum == permits ? null : sum - permits);
    notifyAll();
  }
}
