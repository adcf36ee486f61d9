/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.WakeupException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class PositionsTest {
  private static final TopicPartition BUSY = new TopicPartition("sandbox.ready", 0);
  private static final TopicPartition QUIET = new TopicPartition("sandbox.ready", 1);

  /** In one partition, a record of the last minutes is at offset 90. The ends are at 100. */
  private final MockConsumer<byte[], byte[]> consumer =
      new MockConsumer<>("by_duration:PT1H") {
        @Override
        public Map<TopicPartition, OffsetAndTimestamp> offsetsForTimes(
            Map<TopicPartition, Long> times, Duration timeout) {
          if (isWoken) {
            isWoken = false;
            throw new WakeupException();
          }
          Map<TopicPartition, OffsetAndTimestamp> found = new HashMap<>();
          found.put(BUSY, new OffsetAndTimestamp(90, 0));
          found.put(QUIET, null);
          return found;
        }
      };

  private final Positions positions = new Positions(consumer);
  private boolean isWoken;

  @BeforeEach
  void fill() {
    consumer.updateEndOffsets(Map.of(BUSY, 100L, QUIET, 100L));
    consumer.updateDurationOffsets(Map.of(BUSY, 20L, QUIET, 20L));
  }

  private void assertPositions(long busy, long quiet) {
    assertThat(positions.known(List.of(BUSY, QUIET))).containsExactlyInAnyOrder(BUSY, QUIET);
    assertThat(consumer.position(BUSY)).isEqualTo(busy);
    assertThat(consumer.position(QUIET)).isEqualTo(quiet);
  }

  @Test
  void partitionsAreReadFromTheirEndsAndNotAnewWithOthers() {
    positions.set(Set.of(BUSY));
    assertThat(positions.known(List.of(BUSY))).containsExactly(BUSY);
    consumer.updateEndOffsets(Map.of(BUSY, 105L));
    positions.set(Set.of(BUSY, QUIET));
    assertPositions(100, 100);
    positions.set(Set.of(QUIET));
    assertThat(consumer.assignment()).containsExactly(QUIET);
    positions.set(Set.of());
    assertThat(consumer.assignment()).isEmpty();
  }

  @Test
  void whereAnswersMayBeAlreadyEarlierRecordsAreRead() {
    positions.lookBack();
    positions.set(Set.of(BUSY, QUIET));
    assertPositions(90, 100);
  }

  /** As of a poll before: what is earlier is looked up all the same. */
  @Test
  void aWakeupWhileEarlierRecordsAreLookedUpLosesNothing() {
    isWoken = true;
    positions.lookBack();
    assertThatThrownBy(() -> positions.set(Set.of(BUSY, QUIET)))
        .isInstanceOf(WakeupException.class);
    positions.set(Set.of(BUSY, QUIET));
    assertPositions(90, 100);
  }

  @Test
  void whereNobodySaysWhatIsEarlierMoreThanEnoughIsRead() {
    consumer.setOffsetsException(new TimeoutException("no leader"));
    positions.lookBack();
    positions.set(Set.of(BUSY, QUIET));
    assertPositions(20, 20);
  }
}
