/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.junit.jupiter.api.Test;

/** Partitions without a leader, for whose offsets a consumer waits until its time-out. */
class PositioningTest {
  private static final UserId USER = UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  private static final int COUNT = 4;
  private static final int OWN = new KeyPartitions(COUNT).of(USER);
  private static final int OTHER = (OWN + 1) % COUNT;
  private static final Duration LIMIT = Duration.ofSeconds(8);

  private final List<TopicPartition> all =
      Stream.of("sandbox.output", "sandbox.exited")
          .flatMap(topic -> Stream.of(0, 1, 2, 3).map(i -> new TopicPartition(topic, i)))
          .toList();
  private final List<TopicPartition> own =
      all.stream().filter(partition -> partition.partition() == OWN).toList();
  private final Set<TopicPartition> withoutLeader = new HashSet<>();
  private final MockConsumer<byte[], byte[]> consumer =
      new MockConsumer<>("earliest") {
        @Override
        public synchronized Map<TopicPartition, Long> beginningOffsets(
            Collection<TopicPartition> partitions, Duration timeout) {
          requireLeaders(partitions);
          return super.beginningOffsets(partitions, timeout);
        }

        @Override
        public synchronized Map<TopicPartition, Long> endOffsets(
            Collection<TopicPartition> partitions, Duration timeout) {
          requireLeaders(partitions);
          return super.endOffsets(partitions, timeout);
        }
      };

  PositioningTest() {
    for (TopicPartition partition : all) {
      consumer.updateBeginningOffsets(Map.of(partition, 2L));
      consumer.updateEndOffsets(Map.of(partition, 7L));
    }
  }

  private void requireLeaders(Collection<TopicPartition> partitions) {
    if (partitions.stream().anyMatch(withoutLeader::contains)) {
      throw new TimeoutException("Failed to get offsets by times in 8000ms");
    }
  }

  @Test
  void aUsersAnswersAreReadWhileAPartitionOfOthersHasNoLeader() {
    withoutLeader.add(new TopicPartition("sandbox.output", OTHER));
    Positioning.ends().of(USER).assign(consumer, all, LIMIT);
    assertThat(consumer.assignment()).containsExactlyInAnyOrderElementsOf(own);
    assertThat(own).hasSize(2).allSatisfy(p -> assertThat(consumer.position(p)).isEqualTo(7));
  }

  @Test
  void aUsersAnswersAreNotReadWhileTheirOwnPartitionHasNoLeader() {
    withoutLeader.add(new TopicPartition("sandbox.output", OWN));
    assertThatThrownBy(() -> Positioning.ends().of(USER).assign(consumer, all, LIMIT))
        .isInstanceOf(TimeoutException.class);
  }

  @Test
  void allPartitionsAreReadFromWhereTheReaderWantsToBegin() {
    Positioning.ends().assign(consumer, all, LIMIT);
    assertThat(consumer.assignment()).containsExactlyInAnyOrderElementsOf(all);
    assertThat(all).allSatisfy(p -> assertThat(consumer.position(p)).isEqualTo(7));
    Positioning.beginnings().assign(consumer, all, LIMIT);
    assertThat(consumer.assignment()).containsExactlyInAnyOrderElementsOf(all);
    assertThat(all).allSatisfy(p -> assertThat(consumer.position(p)).isEqualTo(2));
  }
}
