/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.testkit.ManualTime;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class LowWatermarksTest {
  private static final TopicPartition FIRST = new TopicPartition("sandbox.activity", 0);
  private static final TopicPartition SECOND = new TopicPartition("sandbox.activity", 1);

  private final ManualTime time = new ManualTime(0);
  private @Nullable Consumer<byte[], byte[]> probed;
  private final LowWatermarks lowWatermarks =
      new LowWatermarks(
          new ConsumerOffsets(() -> Objects.requireNonNull(probed)),
          Duration.ofMinutes(5),
          Duration.ofSeconds(5),
          time);

  /** An alert reads this: where it were missing, nobody would hear that nothing is reaped. */
  @Test
  void aPartitionThatWasNeverReadToItsEndIsAsOldAsItHasBeenFollowed() {
    lowWatermarks.retain(Set.of(FIRST));
    time.pass(Duration.ofMinutes(10));
    lowWatermarks.retain(Set.of(FIRST, SECOND));
    time.pass(Duration.ofMinutes(1));

    assertThat(lowWatermarks.ages())
        .isEqualTo(Map.of(0, Duration.ofMinutes(11), 1, Duration.ofMinutes(1)));
    assertThat(lowWatermarks.of(1)).isEmpty();

    try (MockConsumer<byte[], byte[]> consumer = new MockConsumer<>("earliest")) {
      consumer.assign(List.of(FIRST, SECOND));
      consumer.updateBeginningOffsets(Map.of(FIRST, 0L, SECOND, 0L));
      consumer.updateEndOffsets(Map.of(FIRST, 0L, SECOND, 7L));
      probeForSeconds(consumer, 60);
    }
    assertThat(lowWatermarks.ages())
        .isEqualTo(Map.of(0, Duration.ofSeconds(1), 1, Duration.ofMinutes(2)));

    lowWatermarks.retain(Set.of(SECOND));
    assertThat(lowWatermarks.ages()).containsOnlyKeys(1);
  }

  /** Agents could not report use there, and elsewhere they could. */
  @Test
  void theTimeWithoutALeaderDoesNotCountInItsPartitionAlone() {
    AtomicBoolean isAway = new AtomicBoolean(true);
    try (MockConsumer<byte[], byte[]> consumer =
        new MockConsumer<>("earliest") {
          @Override
          public synchronized Map<TopicPartition, Long> endOffsets(
              Collection<TopicPartition> partitions, Duration timeout) {
            if (isAway.get() && partitions.contains(FIRST)) {
              throw new TimeoutException("no leader");
            }
            return partitions.stream().collect(Collectors.toMap(each -> each, _ -> 0L));
          }
        }) {
      consumer.assign(List.of(FIRST, SECOND));
      consumer.updateBeginningOffsets(Map.of(FIRST, 0L, SECOND, 0L));
      lowWatermarks.retain(Set.of(FIRST, SECOND));
      time.pass(Duration.ofSeconds(1));
      probeForSeconds(consumer, 20);
      assertThat(lowWatermarks.ages().get(1)).isLessThanOrEqualTo(Duration.ofSeconds(2));
      probeForSeconds(consumer, 100);
      assertThat(lowWatermarks.ages().get(1)).isLessThanOrEqualTo(Duration.ofSeconds(2));
      assertThat(lowWatermarks.of(0)).isEmpty();
      assertThat(lowWatermarks.problem()).contains("[sandbox.activity-0]");

      isAway.set(false);
      probeForSeconds(consumer, 10);
      assertThat(lowWatermarks.problem()).isNull();
      assertThat(lowWatermarks.of(0)).isEmpty();
      probeForSeconds(consumer, 30);
      assertThat(lowWatermarks.ages().get(0)).isLessThanOrEqualTo(Duration.ofSeconds(1));
    }
  }

  private void probeForSeconds(MockConsumer<byte[], byte[]> consumer, int seconds) {
    for (int i = 0; i < seconds; i++) {
      probed = consumer;
      var _ = lowWatermarks.probe(Set.of(FIRST, SECOND), true);
      lowWatermarks.settle(consumer);
      time.pass(Duration.ofSeconds(1));
    }
  }

  /** Its writer may choose it, and what was thrown would stop the follower. */
  @Test
  void anActivityMayBeOfAnyTime() {
    assertThat(lowWatermarks.age(0, Instant.ofEpochMilli(-10_000_000_000_000L)))
        .isGreaterThan(Duration.ofDays(30).toNanos());
  }
}
