/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.ManualTime;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetCommitCallback;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/**
 * If only this worker can't reach the group's coordinator, it continues to read, and may have lost
 * its partitions.
 */
class LostCoordinatorTest {
  private static final TopicPartition ENSURES = new TopicPartition("sandbox.ensure", 0);

  private static final Duration TICK = Duration.ofMillis(20);

  private final ManualTime time = new ManualTime(1);
  private final Reader reader = new Reader();
  private final AtomicInteger answered = new AtomicInteger();

  /** Time passes while it polls. The records come from brokers that are always reachable. */
  private final class Reader extends MockConsumer<byte[], byte[]> {
    final AtomicInteger polls = new AtomicInteger();
    volatile boolean isCoordinatorAway;
    volatile boolean isAssigned;

    Reader() {
      super("earliest");
      updateBeginningOffsets(Map.of(ENSURES, 0L));
      updateEndOffsets(Map.of(ENSURES, 0L));
    }

    @Override
    public synchronized void subscribe(
        Collection<String> topics, ConsumerRebalanceListener listener) {
      super.subscribe(topics, listener);
      schedulePollTask(
          () -> {
            rebalance(List.of(ENSURES));
            isAssigned = true;
          });
    }

    @Override
    public synchronized ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
      time.pass(TICK);
      polls.incrementAndGet();
      LockSupport.parkNanos(TICK.toNanos() / 10); // or the time would pass before a thread looks
      return super.poll(Duration.ZERO);
    }

    @Override
    public synchronized void commitAsync(
        Map<TopicPartition, OffsetAndMetadata> offsets, @Nullable OffsetCommitCallback callback) {
      if (isCoordinatorAway && callback != null) {
        callback.onComplete(offsets, new TimeoutException("no coordinator"));
      } else {
        super.commitAsync(offsets, callback);
      }
    }

    @Override
    public synchronized void commitSync(
        Map<TopicPartition, OffsetAndMetadata> offsets, Duration timeout) {
      if (isCoordinatorAway) {
        throw new TimeoutException("no coordinator");
      }
      super.commitSync(offsets, timeout);
    }

    void ensure(long offset) {
      UserId user = new UserId(UUID.randomUUID());
      schedulePollTask(
          () ->
              addRecord(
                  new ConsumerRecord<>(
                      ENSURES.topic(),
                      ENSURES.partition(),
                      offset,
                      user.toString().getBytes(StandardCharsets.UTF_8),
                      ("{\"user_id\":\"" + user + "\"}").getBytes(StandardCharsets.UTF_8))));
    }

    /** Waits for the assignment; then records can be added. */
    void awaitAssigned() {
      Awaitility.await().until(() -> isAssigned);
    }

    void await(Duration passed) {
      int to = polls.get() + (int) passed.dividedBy(TICK);
      Awaitility.await().until(() -> polls.get() >= to);
    }
  }

  private static boolean begin(UserId user, Runnable task) {
    Thread.ofVirtual().start(task);
    return true;
  }

  private EnsureIntake intake() {
    return new EnsureIntake(
        new EnsureIntake.Group(
            () -> reader, new Assignment(ENSURES.topic(), 1, 10, time), new NoHandover(), () -> {}),
        new EnsureIntake.Settings(
            1, Duration.ofHours(1), Duration.ofSeconds(1), true, Duration.ofSeconds(3)),
        LostCoordinatorTest::begin,
        request -> {
          request.fence().pass();
          answered.incrementAndGet();
        },
        new NoForwarding(),
        time,
        IntakeMetrics.NONE);
  }

  @Test
  void nothingIsAnsweredUntilTheGroupAcknowledges() {
    try (EnsureIntake intake = intake()) {
      intake.start();
      reader.awaitAssigned();
      reader.ensure(0);
      await().until(() -> answered.get() == 1);

      reader.isCoordinatorAway = true;
      reader.await(Lease.TERM.plusSeconds(1));
      reader.ensure(1);
      reader.await(Duration.ofSeconds(1));
      assertThat(intake.inFlightByPartition()).containsEntry(0, 1);
      assertThat(answered).as("read, and not answered").hasValue(1);

      reader.isCoordinatorAway = false;
      await().until(() -> answered.get() == 2);
    }
  }

  @Test
  void whoIsIdleForLongStillAnswersAtOnce() {
    try (EnsureIntake intake = intake()) {
      intake.start();
      reader.awaitAssigned();
      reader.await(Lease.TERM.multipliedBy(3));
      reader.ensure(0);
      await().until(() -> answered.get() == 1);
      assertThat(intake.problem()).isNull();
    }
  }
}
