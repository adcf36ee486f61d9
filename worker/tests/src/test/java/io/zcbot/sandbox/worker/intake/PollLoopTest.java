/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.worker.testkit.ManualTime;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.common.errors.WakeupException;
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
        var _ = consumer.poll(Duration.ofMillis(1));
      }
    }

    @Override
    public void close(Consumer<byte[], byte[]> consumer) {
      consumer.close();
    }
  }

  /** Polls like Kafka's: one that finds nothing ends by the wall clock, or if it is woken up. */
  private final class TimedConsumer extends MockConsumer<byte[], byte[]> {
    private final Semaphore wakeUps = new Semaphore(0);

    TimedConsumer() {
      super("earliest");
    }

    @Override
    public ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
      Instant end = time.now().plus(timeout);
      do {
        time.pass(Duration.ofMillis(1));
        if (wakeUps.tryAcquire()) {
          throw new WakeupException();
        }
        loop.pause(Duration.ofMillis(1));
      } while (time.now().isBefore(end));
      return ConsumerRecords.empty();
    }

    @Override
    public void wakeup() {
      wakeUps.release();
    }
  }

  private Consumer<byte[], byte[]> consumer() {
    made.incrementAndGet();
    return new TimedConsumer();
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
    time.step(Duration.ofMillis(-100));
    awaitRounds();
    time.pass(Duration.ofSeconds(1));
    time.step(Duration.ofSeconds(-1));
    await().during(Duration.ofSeconds(2)).until(() -> made.get() == 1);
    awaitRounds();
  }

  private void awaitRounds() {
    int before = rounds.get();
    await().until(() -> rounds.get() >= before + 3);
  }
}
