/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class FollowedTopicsTest {
  private static final String TOPIC = "sandbox.ready";

  private final StringWriter err = new StringWriter();
  private final Brokers brokers = new Brokers();
  private long now = 1_000;

  /** Brokers that may be away: then a poll returns nothing, and a question gets no answer. */
  private final class Brokers extends MockConsumer<byte[], byte[]> {
    boolean areAway;
    private Duration waited = Duration.ZERO;

    Brokers() {
      super("earliest");
    }

    void havePartitions(int count) {
      List<TopicPartition> all = IntStream.range(0, count).mapToObj(this::partition).toList();
      all.forEach(each -> updateBeginningOffsets(Map.of(each, 0L)));
      all.forEach(each -> updateEndOffsets(Map.of(each, 0L)));
      updatePartitions(
          TOPIC,
          all.stream()
              .map(each -> new PartitionInfo(TOPIC, each.partition(), null, null, null))
              .toList());
    }

    private TopicPartition partition(int number) {
      return new TopicPartition(TOPIC, number);
    }

    void publish(int partition, long offset) {
      addRecord(new ConsumerRecord<>(TOPIC, partition, offset, new byte[0], new byte[0]));
    }

    @Override
    public synchronized Map<TopicPartition, Long> endOffsets(
        Collection<TopicPartition> partitions, Duration timeout) {
      if (areAway) {
        waited = waited.plus(timeout);
        pass(timeout);
        throw new TimeoutException("nobody answers");
      }
      return super.endOffsets(partitions, timeout);
    }
  }

  @BeforeEach
  void beginAtTheEnd() {
    brokers.havePartitions(1);
    brokers.assign(List.of(brokers.partition(0)));
    brokers.seek(brokers.partition(0), 0);
  }

  private FollowedTopics followed() {
    return new FollowedTopics(brokers, new PrintWriter(err, true), () -> now);
  }

  private void pass(Duration time) {
    now += time.toNanos();
  }

  @Test
  void brokersThatAreAwayAreReportedOnceAndWhenTheyAreBack() {
    FollowedTopics topics = followed();
    brokers.areAway = true;
    pass(Duration.ofSeconds(4));
    assertThat(topics.next()).isEmpty();
    assertThat(err.toString()).isEmpty();
    for (int i = 0; i < 3; i++) {
      pass(Duration.ofSeconds(30));
      assertThat(topics.next()).isEmpty();
    }
    assertThat(err.toString().lines())
        .singleElement()
        .asString()
        .startsWith("Kafka does not answer");
    brokers.areAway = false;
    brokers.publish(0, 0);
    pass(Duration.ofSeconds(30));
    assertThat(topics.next()).hasSize(1);
    assertThat(err.toString().lines()).hasSize(2).last().isEqualTo("Kafka answers again");
  }

  /** The question asks for all partitions, and is not answered while one has no leader. */
  @Test
  void aPartitionWithoutALeaderHoldsUpTheOthersLittle() {
    FollowedTopics topics = followed();
    brokers.areAway = true;
    for (int i = 0; i < 300; i++) {
      brokers.publish(0, i);
      assertThat(topics.next()).hasSize(1);
      pass(Duration.ofSeconds(1));
    }
    assertThat(brokers.waited).isBetween(Duration.ofSeconds(10), Duration.ofSeconds(25));
  }

  @Test
  void partitionsThatAreAddedAreReadFromTheirBeginning() {
    FollowedTopics topics = followed();
    brokers.publish(0, 0);
    assertThat(topics.next()).hasSize(1);
    brokers.havePartitions(2);
    pass(Duration.ofSeconds(5));
    assertThat(topics.next()).isEmpty();
    brokers.publish(0, 1);
    brokers.publish(1, 0);
    assertThat(topics.next())
        .extracting(record -> record.partition() + "-" + record.offset())
        .containsExactlyInAnyOrder("0-1", "1-0");
    assertThat(err.toString()).isEmpty();
  }
}
