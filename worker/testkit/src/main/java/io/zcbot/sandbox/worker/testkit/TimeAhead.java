/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit;

import io.zcbot.sandbox.worker.base.Time;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.atomic.AtomicLong;

/** The system's time, and what a test lets pass besides. */
public final class TimeAhead implements Time {
  private final AtomicLong ahead = new AtomicLong();

  public void pass(Duration time) {
    ahead.addAndGet(time.toNanos());
  }

  @Override
  public long nanos() {
    return System.nanoTime() + ahead.get();
  }

  @Override
  public Instant now() {
    return Instant.now().plusNanos(ahead.get());
  }
}
