/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.worker.RunState.Phase;
import io.zcbot.sandbox.worker.base.StoppedException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

class RunStateTest {
  private final RunState state = new RunState();

  @Test
  void aWorkerStartsServesAndStops() throws Exception {
    assertThat(state.phase()).isEqualTo(Phase.NEW);
    state.starting();
    assertThat(state.phase()).isEqualTo(Phase.STARTING);
    state.serving();
    state.startEnded();
    assertThat(state.phase()).isEqualTo(Phase.SERVING);
    assertThat(state.stopping()).as("the first stop").isTrue();
    assertThat(state.isStopping()).isTrue();
    assertThat(state.stopping()).as("the second stop").isFalse();
    assertThat(Thread.interrupted()).as("nobody starts any more").isFalse();
  }

  @Test
  void aStopInterruptsTheStart() throws Exception {
    CountDownLatch starting = new CountDownLatch(1);
    CountDownLatch never = new CountDownLatch(1);
    Thread starter =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    state.starting();
                    starting.countDown();
                    never.await();
                  } catch (InterruptedException _) {
                    state.startEnded();
                  }
                });
    starting.await();
    assertThat(state.awaitStartEnd(Duration.ofMillis(10))).as("it goes on").isFalse();
    state.stopping();
    assertThat(state.awaitStartEnd(Duration.ofSeconds(60))).as("it ended").isTrue();
    starter.join();
  }

  @Test
  void aStartThatEndsDuringAStopDoesNotServe() throws Exception {
    state.starting();
    state.stopping();
    assertThat(Thread.interrupted()).isTrue();
    state.serving();
    assertThat(state.phase()).isEqualTo(Phase.STOPPING);
  }

  @Test
  void aWorkerStartsOnce() throws Exception {
    state.starting();
    assertThatThrownBy(state::starting).isInstanceOf(IllegalStateException.class);
    state.stopping();
    assertThat(Thread.interrupted()).isTrue();
    assertThatThrownBy(state::starting).isInstanceOf(StoppedException.class);
  }
}
