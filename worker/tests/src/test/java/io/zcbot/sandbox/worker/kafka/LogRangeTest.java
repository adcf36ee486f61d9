/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;

class LogRangeTest {
  private static final TopicPartition QUIET = new TopicPartition("a", 0);
  private static final TopicPartition BUSY = new TopicPartition("a", 1);
  private static final Duration LIMIT = Duration.ofSeconds(1);

  /** Receives a record while it is asked for times, as a topic in use may. */
  private final MockConsumer<byte[], byte[]> consumer =
      new MockConsumer<>("earliest") {
        @Override
        public synchronized Map<TopicPartition, OffsetAndTimestamp> offsetsForTimes(
            Map<TopicPartition, Long> times, Duration timeout) {
          assertThat(times).containsEntry(QUIET, 5_000L).containsEntry(BUSY, 5_000L);
          updateEndOffsets(Map.of(QUIET, 8L));
          Map<TopicPartition, OffsetAndTimestamp> found = new HashMap<>();
          found.put(QUIET, null);
          found.put(BUSY, new OffsetAndTimestamp(4, 5_001));
          return found;
        }
      };

  @Test
  void aPartitionWithoutRecordsSinceThenIsReadFromTheEndItHadBefore() {
    consumer.updateEndOffsets(Map.of(QUIET, 7L, BUSY, 9L));
    LogRange range =
        LogRange.since(consumer, List.of(QUIET, BUSY), Instant.ofEpochSecond(5), LIMIT);
    assertThat(range.starts()).isEqualTo(Map.of(QUIET, 7L, BUSY, 4L));
    assertThat(range.ends()).isEqualTo(Map.of(QUIET, 7L, BUSY, 9L));
  }

  /** Kafka refuses negative times, and an instant may come from a record that anybody wrote. */
  @Test
  void allIsSinceBeforeTheEpoch() {
    MockConsumer<byte[], byte[]> refusing =
        new MockConsumer<>("earliest") {
          @Override
          public synchronized Map<TopicPartition, OffsetAndTimestamp> offsetsForTimes(
              Map<TopicPartition, Long> times, Duration timeout) {
            if (times.values().stream().anyMatch(time -> time < 0)) {
              throw new IllegalArgumentException("The target time cannot be negative");
            }
            return Map.of(QUIET, new OffsetAndTimestamp(2, times.get(QUIET)));
          }
        };
    refusing.updateEndOffsets(Map.of(QUIET, 7L));
    Instant before = Instant.parse("0000-01-01T00:00:00Z").minusSeconds(600);
    assertThat(LogRange.since(refusing, List.of(QUIET), before, LIMIT))
        .isEqualTo(new LogRange(Map.of(QUIET, 2L), Map.of(QUIET, 7L)));
  }

  @Test
  void allIsWhatPartitionsHold() {
    consumer.updateBeginningOffsets(Map.of(QUIET, 2L));
    consumer.updateEndOffsets(Map.of(QUIET, 7L));
    assertThat(LogRange.all(consumer, List.of(QUIET), LIMIT))
        .isEqualTo(new LogRange(Map.of(QUIET, 2L), Map.of(QUIET, 7L)));
  }
}
