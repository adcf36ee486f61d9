/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.testkit.ManualTime;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Whatever a consumer throws, the reading thread reports it and continues with a new consumer. */
class BrokenConsumerTest {
  private static final TopicPartition ENSURES = new TopicPartition("sandbox.ensure", 0);
  private static final TopicPartition ACTIVITY = new TopicPartition("sandbox.activity", 0);

  private static final UserId ANNA = new UserId(new UUID(1, 1));
  private static final UserId BEN = new UserId(new UUID(2, 2));

  /** None of them is a KafkaException or an IllegalStateException. */
  static List<Throwable> failures() {
    return List.of(
        new NullPointerException("a bug of the client's"),
        new OutOfMemoryError("Java heap space"),
        new NoClassDefFoundError("org/xerial/snappy/Snappy"));
  }

  /** A record that was read again would be no older than the low watermark. */
  @Test
  void theFollowerReadsOnWhereItWas() {
    List<UserId> used = new CopyOnWriteArrayList<>();
    List<Duration> ages = new CopyOnWriteArrayList<>();
    AtomicBoolean breaks = new AtomicBoolean();
    AtomicInteger made = new AtomicInteger();
    try (ActivityFollower follower =
        new ActivityFollower(
            () -> activities(made.incrementAndGet(), breaks),
            new ConsumerOffsets(() -> activities(made.get(), breaks)),
            _ -> true,
            new ActivityFollower.Settings(
                ACTIVITY.topic(), 1, () -> Duration.ofMinutes(1), Duration.ofMillis(100)),
            (user, at) -> {
              ages.add(Duration.ofNanos(Time.system().nanos() - at));
              used.add(user);
            },
            new NoForwarding(),
            Time.system(),
            IntakeMetrics.NONE)) {
      follower.start();
      await().until(() -> follower.readUpTo(0).isPresent());
      breaks.set(true);
      await().until(() -> used.contains(BEN));
      assertThat(made).hasValue(2);
      assertThat(used).containsExactly(ANNA, BEN);
      assertThat(ages.getFirst()).isGreaterThanOrEqualTo(Duration.ofSeconds(50));
    }
  }

  /** Nobody needs what was appended longer ago than the window. */
  @Test
  void theFollowerLeavesOutWhatCannotBeReadOnceItIsOlderThanTheWindow() {
    ManualTime time = new ManualTime(Duration.ofHours(1).toNanos());
    Instant broken = time.now();
    List<UserId> used = new CopyOnWriteArrayList<>();
    AtomicInteger made = new AtomicInteger();
    try (ActivityFollower follower =
        new ActivityFollower(
            () -> {
              made.incrementAndGet();
              return activitiesBehindABrokenOne(broken);
            },
            new ConsumerOffsets(() -> activitiesBehindABrokenOne(broken)),
            _ -> true,
            new ActivityFollower.Settings(
                ACTIVITY.topic(), 1, () -> Duration.ofMinutes(1), Duration.ofMillis(100)),
            (user, _) -> used.add(user),
            new NoForwarding(),
            time,
            IntakeMetrics.NONE)) {
      follower.start();
      await().until(() -> made.get() >= 2);
      time.pass(Duration.ofMinutes(2));
      await().until(() -> used.contains(BEN));
    }
  }

  private static Consumer<byte[], byte[]> activitiesBehindABrokenOne(Instant broken) {
    MockConsumer<byte[], byte[]> consumer =
        new MockConsumer<>("earliest") {
          @Override
          public synchronized ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
            if (position(ACTIVITY) == 0) {
              throw new KafkaException("the record at offset 0 is invalid");
            }
            return super.poll(timeout);
          }

          @Override
          public synchronized Map<TopicPartition, OffsetAndTimestamp> offsetsForTimes(
              Map<TopicPartition, Long> times, Duration timeout) {
            return times.entrySet().stream()
                .collect(
                    Collectors.toMap(
                        Map.Entry::getKey,
                        from ->
                            new OffsetAndTimestamp(
                                from.getValue() <= broken.toEpochMilli() ? 0 : 1, 0)));
          }
        };
    consumer.updatePartitions(
        ACTIVITY.topic(), List.of(new PartitionInfo(ACTIVITY.topic(), 0, null, null, null)));
    consumer.updateBeginningOffsets(Map.of(ACTIVITY, 0L));
    consumer.updateEndOffsets(Map.of(ACTIVITY, 2L));
    consumer.schedulePollTask(
        () -> consumer.addRecord(activity(1, BEN, broken.plus(Duration.ofMinutes(2)))));
    return consumer;
  }

  /** The activities of a consumer; the second one has one more. */
  private static Consumer<byte[], byte[]> activities(int number, AtomicBoolean breaks) {
    MockConsumer<byte[], byte[]> consumer =
        new MockConsumer<>("earliest") {
          @Override
          public synchronized ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
            if (number == 1 && breaks.get()) {
              throw new TimeoutException("thrown by the test");
            }
            return super.poll(timeout);
          }

          @Override
          public synchronized Map<TopicPartition, OffsetAndTimestamp> offsetsForTimes(
              Map<TopicPartition, Long> times, Duration timeout) {
            return times.isEmpty() ? Map.of() : Map.of(ACTIVITY, new OffsetAndTimestamp(0, 0));
          }
        };
    consumer.updatePartitions(
        ACTIVITY.topic(), List.of(new PartitionInfo(ACTIVITY.topic(), 0, null, null, null)));
    consumer.updateBeginningOffsets(Map.of(ACTIVITY, 0L));
    consumer.updateEndOffsets(Map.of(ACTIVITY, (long) number));
    Instant now = Instant.now();
    consumer.schedulePollTask(
        () -> {
          consumer.addRecord(activity(0, ANNA, now.minusSeconds(50)));
          if (number > 1) {
            consumer.addRecord(activity(1, BEN, now));
          }
        });
    return consumer;
  }

  private static ConsumerRecord<byte[], byte[]> activity(long offset, UserId user, Instant at) {
    return new ConsumerRecord<>(
        ACTIVITY.topic(),
        0,
        offset,
        at.toEpochMilli(),
        TimestampType.LOG_APPEND_TIME,
        0,
        0,
        user.toString().getBytes(UTF_8),
        "{\"user_id\":\"%s\"}".formatted(user).getBytes(UTF_8),
        new RecordHeaders(),
        Optional.empty());
  }

  /** The first consumer fails in its first poll; later ones work. */
  private static final class Consumers implements Supplier<Consumer<byte[], byte[]>> {
    private final Throwable failure;
    private final TopicPartition partition;
    private final CountDownLatch mayWork = new CountDownLatch(1);
    private final AtomicInteger made = new AtomicInteger();
    private final AtomicInteger polls = new AtomicInteger();
    private volatile Consumer<byte[], byte[]> latest = new MockConsumer<>("earliest");

    Consumers(Throwable failure, TopicPartition partition) {
      this.failure = failure;
      this.partition = partition;
    }

    @Override
    public Consumer<byte[], byte[]> get() {
      boolean broken = made.getAndIncrement() == 0;
      if (!broken) {
        try {
          mayWork.await();
        } catch (InterruptedException e) {
          throw new IllegalStateException(e);
        }
      }
      MockConsumer<byte[], byte[]> consumer =
          new MockConsumer<>("earliest") {
            @Override
            public synchronized ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
              if (broken) {
                Consumers.<RuntimeException>sneak(failure);
              }
              polls.incrementAndGet();
              return super.poll(timeout);
            }

            @Override
            public synchronized Map<TopicPartition, OffsetAndTimestamp> offsetsForTimes(
                Map<TopicPartition, Long> times, Duration timeout) {
              return Map.of();
            }
          };
      consumer.updatePartitions(
          partition.topic(), List.of(new PartitionInfo(partition.topic(), 0, null, null, null)));
      consumer.updateBeginningOffsets(Map.of(partition, 0L));
      consumer.updateEndOffsets(Map.of(partition, 0L));
      latest = consumer;
      return consumer;
    }

    @SuppressWarnings("unchecked")
    private static <E extends Throwable> void sneak(Throwable failure) throws E {
      throw (E) failure;
    }
  }

  @ParameterizedTest
  @MethodSource("failures")
  void theIntakeStartsOverAndTellsWhy(Throwable failure) {
    Consumers consumers = new Consumers(failure, ENSURES);
    try (EnsureIntake intake =
        new EnsureIntake(
            new EnsureIntake.Group(
                consumers,
                new Assignment(ENSURES.topic(), 1, 10, Time.system()),
                new NoHandover(),
                () -> {}),
            new EnsureIntake.Settings(
                1, Duration.ofMinutes(1), Duration.ofSeconds(1), true, Duration.ofSeconds(3)),
            (_, _) -> true,
            _ -> {},
            new NoForwarding(),
            Time.system(),
            IntakeMetrics.NONE)) {
      intake.start();
      await().until(() -> consumers.made.get() == 2);
      assertThat(intake.problem()).contains(failure.toString());
      consumers.mayWork.countDown();
      await().until(() -> consumers.polls.get() > 2);
      assertThat(intake.fatalProblem()).isNull();
    }
  }

  @ParameterizedTest
  @MethodSource("failures")
  void theFollowerStartsOverAndTellsWhy(Throwable failure) {
    Consumers consumers = new Consumers(failure, ACTIVITY);
    try (ActivityFollower follower =
        new ActivityFollower(
            consumers,
            new ConsumerOffsets(() -> consumers.latest),
            partition -> partition == 0,
            new ActivityFollower.Settings(
                ACTIVITY.topic(), 1, () -> Duration.ofMinutes(1), Duration.ofMillis(100)),
            (_, _) -> {},
            new NoForwarding(),
            Time.system(),
            IntakeMetrics.NONE)) {
      follower.start();
      await().until(() -> consumers.made.get() == 2);
      assertThat(follower.problem()).contains(failure.toString());
      consumers.mayWork.countDown();
      await().until(() -> follower.problem() == null);
      assertThat(follower.fatalProblem()).isNull();
    }
  }
}
