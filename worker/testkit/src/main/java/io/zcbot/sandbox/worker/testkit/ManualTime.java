/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit;

import io.zcbot.sandbox.worker.base.Time;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Clocks that a test moves. The wall clock shows the epoch when the monotonic one shows zero,
 * unless it is set.
 */
public final class ManualTime implements Time {
  private final AtomicLong nanos;
  private volatile Duration ahead = Duration.ZERO;

  public ManualTime(long nanos) {
    this.nanos = new AtomicLong(nanos);
  }

  public void pass(Duration time) {
    nanos.addAndGet(time.toNanos());
  }

  /** Sets the wall clock forward, as when the machine slept for so long, or back if negative. */
  public void step(Duration time) {
    ahead = ahead.plus(time);
  }

  @Override
  public long nanos() {
    return nanos.get();
  }

  @Override
  public Instant now() {
    return Instant.EPOCH.plusNanos(nanos()).plus(ahead);
  }
}
