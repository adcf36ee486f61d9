/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.testkit.ManualTime;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class LoopMonitorTest {
  private final CountDownLatch end = new CountDownLatch(1);
  private final Thread thread = Thread.ofPlatform().name("loop").unstarted(this::awaitEnd);
  private final ManualTime time = new ManualTime(0);
  private final LoopMonitor monitor = new LoopMonitor(thread, time);

  private void awaitEnd() {
    try {
      end.await();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  @AfterEach
  void endThread() {
    end.countDown();
  }

  @Test
  void aThreadThatIsNotStartedYetIsNoProblem() {
    assertThat(monitor.problem()).isNull();
  }

  @Test
  void aThreadThatGoesRoundIsNoProblem() {
    monitor.start();
    time.pass(LoopMonitor.LIMIT);
    monitor.round();
    time.pass(LoopMonitor.LIMIT);
    assertThat(monitor.problem()).isNull();
  }

  @Test
  void aThreadThatDoesNotGoRoundForAMinuteIsStuck() {
    monitor.start();
    time.pass(LoopMonitor.LIMIT.plusSeconds(1));
    assertThat(monitor.problem()).isEqualTo("thread loop has been stuck for 61 s");
  }

  @Test
  void aThreadThatEndedIsAProblemUnlessItWasAskedTo() throws InterruptedException {
    monitor.start();
    end.countDown();
    thread.join();
    assertThat(monitor.problem()).isEqualTo("thread loop has ended");
    monitor.stopping();
    assertThat(monitor.problem()).isNull();
  }
}
