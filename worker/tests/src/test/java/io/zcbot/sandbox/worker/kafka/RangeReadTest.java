/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.LongSupplier;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.junit.jupiter.api.Test;

/** The tests of its users show complete reads; these show how a read ends otherwise. */
class RangeReadTest {
  private static final TopicPartition ONE = new TopicPartition("t", 0);
  private static final TopicPartition OTHER = new TopicPartition("t", 1);

  private final MockConsumer<byte[], byte[]> consumer = new MockConsumer<>("earliest");
  private final List<Long> read = new ArrayList<>();

  private RangeRead read(long ends) {
    consumer.schedulePollTask(
        () -> {
          for (int offset = 0; offset < 3; offset++) {
            consumer.addRecord(
                new ConsumerRecord<>(
                    "t",
                    0,
                    offset,
                    0,
                    TimestampType.CREATE_TIME,
                    0,
                    10,
                    new byte[0],
                    new byte[10],
                    new RecordHeaders(),
                    Optional.empty()));
          }
        });
    return new RangeRead(
        consumer, new LogRange(Map.of(ONE, 0L, OTHER, 5L), Map.of(ONE, 3L, OTHER, ends)));
  }

  private void note(ConsumerRecord<byte[], byte[]> record) {
    read.add(record.offset());
  }

  @Test
  void aPartitionThatIsNotReadIsReportedWithItsPosition() {
    var polls = new AtomicLong();
    assertThat(read(9).whileWanted(() -> polls.incrementAndGet() < 5).each(this::note))
        .isEqualTo(Map.of(OTHER, 5L));
    assertThat(read).containsExactly(0L, 1L, 2L);
  }

  @Test
  void aReadInWhichNothingComesFailsAfterHalfAMinute() {
    var seconds = new AtomicLong();
    assertThatThrownBy(
            () ->
                read(9)
                    .timedBy(() -> Duration.ofSeconds(seconds.incrementAndGet()).toNanos())
                    .each(this::note))
        .isInstanceOf(TimeoutException.class)
        .hasMessageContaining("t-1")
        .hasMessageContaining("PT30S");
    assertThat(read).hasSize(3);
    assertThat(seconds.get()).isBetween(32L, 36L);
  }

  /** As the command table's next partition on a host in use. */
  @Test
  void aPartitionThatIsReadDoesNotHideOneThatIsNot() {
    var seconds = new AtomicLong();
    LongSupplier busy =
        () -> {
          long second = seconds.incrementAndGet();
          if (second > 2 && second < 100) {
            consumer.addRecord(
                new ConsumerRecord<>("t", 0, second, new byte[0], new byte[10])); // behind the end
          }
          return Duration.ofSeconds(second).toNanos();
        };
    assertThatThrownBy(() -> read(9).timedBy(busy).each(this::note))
        .isInstanceOf(TimeoutException.class)
        .hasMessageContaining("t-1");
    assertThat(seconds.get()).isBetween(32L, 36L);
    assertThat(read).hasSizeGreaterThan(20);
  }

  @Test
  void aReadEndsAfterTheBytes() {
    consumer.setMaxPollRecords(1);
    assertThat(read(5).atMost(15).each(this::note)).isEqualTo(Map.of(ONE, 2L));
    assertThat(read).containsExactly(0L, 1L);
  }

  @Test
  void anEmptyRangeIsRead() {
    assertThat(new RangeRead(consumer, new LogRange(Map.of(), Map.of())).each(this::note))
        .isEmpty();
  }
}
