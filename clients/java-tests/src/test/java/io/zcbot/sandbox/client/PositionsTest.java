/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Queue;
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

  private final Set<TopicPartition> leaderless = new HashSet<>();
  private final Queue<RuntimeException> failures = new ArrayDeque<>();

  /** In one partition, a record of the last minutes is at offset 90. The ends are at 100. */
  private final MockConsumer<byte[], byte[]> consumer =
      new MockConsumer<>("none") {
        @Override
        public synchronized long position(TopicPartition partition, Duration timeout) {
          if (leaderless.contains(partition)) {
            throw new TimeoutException("no leader");
          }
          return super.position(partition, timeout);
        }

        @Override
        public Map<TopicPartition, OffsetAndTimestamp> offsetsForTimes(
            Map<TopicPartition, Long> times, Duration timeout) {
          if (!failures.isEmpty()) {
            throw failures.remove();
          }
          if (times.keySet().stream().anyMatch(leaderless::contains)) {
            throw new TimeoutException("no leader");
          }
          Map<TopicPartition, OffsetAndTimestamp> found = new HashMap<>();
          times
              .keySet()
              .forEach(
                  partition ->
                      found.put(
                          partition,
                          partition.equals(BUSY) ? new OffsetAndTimestamp(90, 0) : null));
          return found;
        }
      };

  private final Positions positions = new Positions(consumer);

  @BeforeEach
  void fill() {
    consumer.updateEndOffsets(Map.of(BUSY, 100L, QUIET, 100L));
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
    failures.add(new WakeupException());
    positions.lookBack();
    positions.set(Set.of(BUSY, QUIET));
    assertThatThrownBy(() -> positions.known(List.of(BUSY, QUIET)))
        .isInstanceOf(WakeupException.class);
    positions.set(Set.of(BUSY, QUIET));
    assertPositions(90, 100);
  }

  @Test
  void aPartitionWithoutALeaderIsLookedUpWhenItHasOneAndDelaysNoOther() {
    leaderless.add(BUSY);
    positions.lookBack();
    positions.set(Set.of(BUSY, QUIET));
    assertThat(positions.known(List.of(BUSY, QUIET))).containsExactly(QUIET);
    assertThat(consumer.position(QUIET)).isEqualTo(100);
    leaderless.clear();
    assertPositions(90, 100);
  }

  /** Otherwise what is behind the end would be read before what is earlier. */
  @Test
  void aPartitionIsNotReadBeforeItsEarlierRecordsAreLookedUp() {
    failures.add(new TimeoutException("no leader any more"));
    positions.lookBack();
    positions.set(Set.of(BUSY, QUIET));
    assertThat(positions.known(List.of(BUSY, QUIET))).isEmpty();
    assertThat(consumer.paused()).containsExactlyInAnyOrder(BUSY, QUIET);
    assertPositions(90, 100);
    assertThat(consumer.paused()).isEmpty();
  }
}
