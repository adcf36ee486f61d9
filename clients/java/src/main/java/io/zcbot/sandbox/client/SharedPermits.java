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
 * Permits that the users of tenants share, such as bytes of memory. A tenant takes no more than it
 * leaves: one alone gets half of them, two get a third each, and there are always some for another
 * one. Safe for concurrent use.
 */
public final class SharedPermits {
  /** How long a tenant that has its share waits for permits that it gives back. */
  static final Duration PATIENCE = Duration.ofSeconds(2);

  private final Semaphore all;
  private final Duration patience;

  /** Guarded by this. */
  private final Map<String, Integer> taken = new HashMap<>();

  /**
   * Shares permits, of which others take some without a share.
   *
   * @param patience how long a tenant that has its share waits
   */
  SharedPermits(Semaphore all, Duration patience) {
    this.all = all;
    this.patience = patience;
  }

  /**
   * Creates permits.
   *
   * @param patience how long a tenant that has its share waits for permits that it gives back
   */
  public SharedPermits(int permits, Duration patience) {
    this(new Semaphore(permits), patience);
  }

  /** Takes permits. Returns whether the tenant may have them. */
  public boolean take(String tenant, int permits) throws InterruptedException {
    return take(tenant, permits, Deadline.in(patience));
  }

  /** Takes permits, or doesn't until a deadline. Returns whether the tenant may have them. */
  synchronized boolean take(String tenant, int permits, Deadline deadline)
      throws InterruptedException {
    Deadline end = deadline.atMost(patience);
    while (!isTaken(tenant, permits)) {
      if (end.isOver()) {
        return false;
      }
      TimeUnit.NANOSECONDS.timedWait(this, end.nanosLeft());
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
  public synchronized void give(String tenant, int permits) {
    taken.computeIfPresent(tenant, (t, sum) -> sum == permits ? null : sum - permits);
    give(permits);
  }

  /** Gives permits back that no tenant had. A tenant that waits may have them. */
  synchronized void give(int permits) {
    all.release(permits);
    notifyAll();
  }
}
