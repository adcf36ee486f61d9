/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Topic;
import java.time.Duration;
import java.time.InstantSource;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import java.util.stream.LongStream;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;

class FleetFollowerTest {
  private static final String RAISED = Topic.ENSURE.named("sandbox.");

  private final AtomicLong nanos = new AtomicLong();
  private final AtomicLong polls = new AtomicLong();
  private final AtomicLong raisedTo = new AtomicLong(4);
  private final AtomicLong looks = new AtomicLong();

  /** A consumer of empty topics. */
  private final MockConsumer<byte[], byte[]> consumer =
      new MockConsumer<>("earliest") {
        @Override
        public synchronized List<PartitionInfo> partitionsFor(String topic, Duration timeout) {
          looks.addAndGet(topic.equals(RAISED) ? 1 : 0);
          return LongStream.range(0, topic.equals(RAISED) ? raisedTo.get() : 3)
              .mapToObj(i -> new PartitionInfo(topic, (int) i, null, new Node[0], new Node[0]))
              .toList();
        }

        @Override
        public synchronized Map<TopicPartition, Long> beginningOffsets(
            Collection<TopicPartition> partitions, Duration timeout) {
          return partitions.stream().collect(Collectors.toMap(each -> each, _ -> 0L));
        }

        @Override
        public synchronized Map<TopicPartition, Long> endOffsets(
            Collection<TopicPartition> partitions, Duration timeout) {
          return beginningOffsets(partitions, timeout);
        }

        @Override
        public synchronized Map<TopicPartition, OffsetAndTimestamp> offsetsForTimes(
            Map<TopicPartition, Long> times, Duration timeout) {
          return Map.of();
        }

        @Override
        public synchronized ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
          polls.incrementAndGet();
          return ConsumerRecords.empty();
        }
      };

  @Test
  void topicsAreReadAnewOnlyWhenOneChanges() {
    try (FleetFollower _ =
        FleetFollower.start(
            () -> consumer,
            "sandbox.",
            Duration.ofHours(1),
            new TestFleet().fleet,
            InstantSource.system(),
            nanos::get)) {
      await().until(() -> polls.get() > 0);
      lookAgain();
      long before = polls.get();
      await("reads on").until(() -> polls.get() > before + 1);

      raisedTo.incrementAndGet();
      lookAgain();
      await("begins anew").until(consumer::closed);
    }
  }

  private void lookAgain() {
    long before = looks.get();
    nanos.addAndGet(Duration.ofSeconds(31).toNanos());
    await().until(() -> looks.get() > before);
  }

  @Test
  void whatItDoesNotExpectIsShownAndItTriesAgain() throws Exception {
    TestFleet fleet = new TestFleet();
    Semaphore tries = new Semaphore(0);
    try (FleetFollower _ =
        FleetFollower.start(
            () -> {
              tries.release();
              throw new ArithmeticException("long overflow");
            },
            "sandbox.",
            Duration.ofHours(1),
            fleet.fleet,
            InstantSource.system(),
            System::nanoTime)) {
      assertThat(tries.tryAcquire(2, 60, TimeUnit.SECONDS)).isTrue();
      assertThat(fleet.overview().get("problem").asText()).contains("long overflow");
    }
  }
}
