/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.ref.WeakReference;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/** GatewayIT shows the same with 100,000 requests, but only in {@code bin/test --all}. */
class TimedWaitTest {
  /** So ends a connection whose request has no end, or is none: nobody tells the clock. */
  @Test
  void aThreadThatHasEndedIsNotKeptUntilTheWaitIsOver() throws Exception {
    WeakReference<Thread> waiter = waited();
    long end = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    while (waiter.get() != null && System.nanoTime() < end) {
      System.gc();
      Thread.sleep(50); // until a collection has cleared it
    }
    assertThat(waiter.get()).isNull();
  }

  private static WeakReference<Thread> waited() throws InterruptedException {
    Thread thread = Thread.ofVirtual().start(() -> new TimedWait(Duration.ofMinutes(10)));
    thread.join();
    return new WeakReference<>(thread);
  }
}
