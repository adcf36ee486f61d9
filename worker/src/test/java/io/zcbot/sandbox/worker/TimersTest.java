/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(20)
class TimersTest {
  private final CountDownLatch begun = new CountDownLatch(1);
  private final CountDownLatch mayEnd = new CountDownLatch(1);
  private final AtomicBoolean ended = new AtomicBoolean();

  private Timers withACheckThatRuns() throws InterruptedException {
    Timers timers = new Timers();
    timers.everyOnEngine(
        Duration.ofMillis(1),
        "check",
        () -> {
          begun.countDown();
          try {
            mayEnd.await();
            ended.set(true);
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          }
        });
    assertThat(begun.await(10, TimeUnit.SECONDS)).isTrue();
    return timers;
  }

  @Test
  void aStopLetsTheCheckThatRunsEnd() throws Exception {
    Timers timers = withACheckThatRuns();
    Thread stop = Thread.ofVirtual().start(timers::close);
    assertThat(stop.join(Duration.ofMillis(100))).as("it waits").isFalse();
    mayEnd.countDown();
    assertThat(stop.join(Duration.ofSeconds(10))).isTrue();
    assertThat(ended).isTrue();
  }

  @Test
  void aStopDoesNotWaitForEverForACheckThatHangs() throws Exception {
    Timers timers = withACheckThatRuns();
    timers.close();
    assertThat(ended).isFalse();
    mayEnd.countDown();
  }
}
