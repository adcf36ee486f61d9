/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.testkit.ManualTime;
import io.zcbot.sandbox.worker.testkit.TimeAhead;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;

/** Up to which time activity is read while leaders of partitions are unavailable. */
@Order(1)
class ActivityFollowerTest {
  private static final String TOPIC = "sandbox.activity";

  private final Set<TopicPartition> unreached = ConcurrentHashMap.newKeySet();
  private final Map<Integer, Boolean> kept = new ConcurrentHashMap<>(Map.of(0, true, 1, true));

  private final TimeAhead time = new TimeAhead();

  private final ActivityFollower follower =
      new ActivityFollower(
          this::consumer,
          new ConsumerOffsets(this::consumer),
          kept::get,
          new ActivityFollower.Settings(
              TOPIC, 2, () -> Duration.ofMinutes(1), Duration.ofMillis(100)),
          (_, _) -> {},
          new NoForwarding(),
          time,
          IntakeMetrics.NONE);

  private MockConsumer<byte[], byte[]> consumer() {
    MockConsumer<byte[], byte[]> consumer =
        new WaitingConsumer() {
          @Override
          public synchronized Map<TopicPartition, OffsetAndTimestamp> offsetsForTimes(
              Map<TopicPartition, Long> times, Duration timeout) {
            return Map.of();
          }

          @Override
          public synchronized Map<TopicPartition, Long> endOffsets(
              Collection<TopicPartition> partitions, Duration timeout) {
            if (partitions.stream().anyMatch(unreached::contains)) {
              throw new TimeoutException("a leader is away");
            }
            return partitions.stream().collect(Collectors.toMap(each -> each, _ -> 0L));
          }
        };
    consumer.updatePartitions(
        TOPIC,
        IntStream.range(0, 2)
            .mapToObj(number -> new PartitionInfo(TOPIC, number, null, null, null))
            .toList());
    consumer.updateBeginningOffsets(
        Map.of(new TopicPartition(TOPIC, 0), 0L, new TopicPartition(TOPIC, 1), 0L));
    return consumer;
  }

  private void awaitProgress(int partition) {
    long from = follower.readUpTo(partition).orElse(Long.MIN_VALUE);
    await().until(() -> follower.readUpTo(partition).orElse(Long.MIN_VALUE) > from);
  }

  /** Waits while the follower's clock is quicker, which pauses between its questions. */
  private void awaitLater(Callable<Boolean> condition) {
    await()
        .until(
            () -> {
              time.pass(Duration.ofSeconds(1));
              return condition.call();
            });
  }

  @Test
  void aPartitionThatIsNotReachedAtFirstKeepsNoOtherFromBeingRead() {
    unreached.add(new TopicPartition(TOPIC, 1));
    try (follower) {
      follower.start();
      awaitProgress(0);
      awaitProgress(0);
      assertThat(follower.readUpTo(1)).isEmpty();
      await().until(() -> follower.problem() == null);
      await()
          .until(
              () ->
                  String.valueOf(follower.unreached()).contains("partitions [sandbox.activity-1]"));
      unreached.clear();
      awaitLater(() -> follower.readUpTo(1).isPresent());
      awaitLater(() -> follower.unreached() == null);
    }
  }

  @Test
  void aPartitionThatIsNotReachedLaterStopsNoOther() {
    try (follower) {
      follower.start();
      awaitProgress(0);
      awaitProgress(1);
      unreached.add(new TopicPartition(TOPIC, 1));
      await()
          .until(
              () ->
                  String.valueOf(follower.unreached()).contains("partitions [sandbox.activity-1]"));
      long still = follower.readUpTo(1).orElseThrow();
      awaitProgress(0);
      awaitProgress(0);
      assertThat(follower.readUpTo(1)).hasValue(still);
      assertThat(follower.problem()).isNull();
      unreached.clear();
      awaitLater(() -> follower.unreached() == null);
    }
  }

  private static void add(
      MockConsumer<byte[], byte[]> consumer, int offset, UserId user, String value) {
    consumer.addRecord(
        new ConsumerRecord<>(
            TOPIC, 0, offset, user.toString().getBytes(UTF_8), value.getBytes(UTF_8)));
  }

  /** Or nobody's idle sandbox would end, for as long as one partition of another topic is away. */
  @Test
  void deadLettersThatTheLogDoesNotTakeStopNoReading() {
    KeyPartitions partitions = new KeyPartitions(2);
    List<UserId> users =
        IntStream.range(0, 100)
            .mapToObj(number -> new UserId(new UUID(1, number)))
            .filter(user -> partitions.of(user) == 0)
            .toList();
    MockConsumer<byte[], byte[]> consumer = consumer();
    List<UserId> touched = new CopyOnWriteArrayList<>();
    AtomicInteger begun = new AtomicInteger();
    CountDownLatch leader = new CountDownLatch(1);
    ManualTime time = new ManualTime(1);
    try (ActivityFollower reading =
        new ActivityFollower(
            () -> consumer,
            new ConsumerOffsets(() -> consumer),
            kept::get,
            new ActivityFollower.Settings(
                TOPIC, 2, () -> Duration.ofMinutes(1), Duration.ofMillis(100)),
            (user, _) -> touched.add(user),
            new RecordForwarding() {
              @Override
              public void deadLetter(
                  ConsumerRecord<byte[], byte[]> record, EventFormatException why)
                  throws InterruptedException {
                begun.incrementAndGet();
                leader.await();
              }

              @Override
              public int forward(List<ConsumerRecord<byte[], byte[]>> records, int partition) {
                throw new AssertionError("nothing lies elsewhere");
              }
            },
            time,
            IntakeMetrics.NONE)) {
      reading.start();
      await().until(() -> consumer.assignment().size() == 2);
      synchronized (consumer) { // so that one poll returns them
        for (int i = 0; i < 1100; i++) {
          add(consumer, i, users.getFirst(), "{");
        }
      }
      await().until(() -> begun.get() == 1100);
      add(consumer, 1100, users.getLast(), "{\"user_id\":\"" + users.getLast() + "\"}");
      await().during(Duration.ofMillis(300)).until(touched::isEmpty);
      time.pass(Diversions.PATIENCE);
      await().until(() -> touched.contains(users.getLast()));
      leader.countDown();
    }
  }

  @Test
  void aPartitionThatIsNotReachedIsNotReportedOnceItIsAnotherWorkers() {
    unreached.add(new TopicPartition(TOPIC, 1));
    try (follower) {
      follower.start();
      awaitProgress(0);
      await().until(() -> follower.unreached() != null);
      kept.put(1, false);
      await().atMost(Duration.ofSeconds(30)).until(() -> follower.unreached() == null);
      assertThat(follower.ageByPartition()).containsOnlyKeys(0);
    }
  }

  @Test
  void noPartitionIsReportedOnceAllAreOtherWorkers() {
    try (follower) {
      follower.start();
      awaitProgress(1);
      unreached.add(new TopicPartition(TOPIC, 1));
      await().until(() -> follower.unreached() != null);
      kept.replaceAll((_, _) -> false);
      await().atMost(Duration.ofSeconds(30)).until(() -> follower.unreached() == null);
      assertThat(follower.ageByPartition()).isEmpty();
    }
  }

  @Test
  void whereNoPartitionIsReachedKafkaIsNot() {
    unreached.add(new TopicPartition(TOPIC, 0));
    unreached.add(new TopicPartition(TOPIC, 1));
    try (follower) {
      follower.start();
      awaitLater(() -> String.valueOf(follower.problem()).contains("Kafka can't be reached"));
      unreached.clear();
      awaitLater(() -> follower.problem() == null);
      // Agents get a while to report use once Kafka is back.
      awaitLater(() -> follower.readUpTo(0).isPresent());
      awaitLater(() -> follower.readUpTo(1).isPresent());
    }
  }
}
