/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.worker.testkit.ManualTime;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** A consumer sends no heartbeat until the wall clock is where it was before it was set back. */
class PollLoopTest {
  private final ManualTime time = new ManualTime(Duration.ofDays(1).toNanos());
  private final AtomicInteger made = new AtomicInteger();
  private final AtomicInteger rounds = new AtomicInteger();
  private final PollLoop loop =
      new PollLoop("test-loop", "tests", this::consumer, new Rounds(), time);

  private final class Rounds implements PollLoop.Polling {
    @Override
    public void poll(Consumer<byte[], byte[]> consumer) {
      while (!loop.isStopping()) {
        loop.round();
        rounds.incrementAndGet();
        loop.works(true);
        loop.pause(Duration.ofMillis(1));
      }
    }

    @Override
    public void close(Consumer<byte[], byte[]> consumer) {
      consumer.close();
    }
  }

  private Consumer<byte[], byte[]> consumer() {
    made.incrementAndGet();
    return new MockConsumer<>("earliest");
  }

  @BeforeEach
  void start() {
    loop.start();
    awaitRounds();
  }

  @AfterEach
  void stop() {
    loop.stop(Duration.ofMinutes(1));
  }

  @Test
  void aWallClockThatIsSetBackCostsOneConsumer() {
    time.step(Duration.ofHours(-1));
    await().until(() -> made.get() == 2);
    awaitRounds();
    assertThat(made).hasValue(2);
    assertThat(loop.problem()).isNull();
    assertThat(loop.fatalProblem()).isNull();
  }

  @Test
  void smallStepsAndASleepCostNone() {
    time.step(Duration.ofHours(1));
    awaitRounds();
    time.step(Duration.ofSeconds(-1));
    awaitRounds();
    time.pass(Duration.ofSeconds(1));
    time.step(Duration.ofSeconds(-1));
    awaitRounds();
    assertThat(made).hasValue(1);
  }

  private void awaitRounds() {
    int before = rounds.get();
    await().until(() -> rounds.get() >= before + 3);
  }
}
