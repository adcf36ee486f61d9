/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.log;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.audit.Histories;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.junit.jupiter.api.Test;

class KafkaLogSourceTest {
  /** Returns the records that it has, and answers for offsets and times. */
  private static class Broker extends MockConsumer<byte[], byte[]> {
    final Map<TopicPartition, Long> begins = new HashMap<>();
    final Map<TopicPartition, Long> ends = new HashMap<>();
    final List<LogRecord> records;
    int polls;

    Broker(List<LogRecord> records) {
      super("earliest");
      this.records = records;
      for (LogRecord record : records) {
        TopicPartition p = new TopicPartition(record.raw().topic(), record.raw().partition());
        begins.merge(p, record.raw().offset(), Math::min);
        ends.merge(p, record.raw().offset() + 1, Math::max);
      }
    }

    /** The first partition of a topic has no record, and never had more than so many. */
    Broker withEmpty(String topic, long deleted) {
      TopicPartition partition = new TopicPartition(topic, 0);
      begins.put(partition, deleted);
      ends.put(partition, deleted);
      return this;
    }

    Broker open() {
      assign(ends.keySet());
      updateBeginningOffsets(begins);
      updateEndOffsets(ends);
      seekToBeginning(ends.keySet());
      ends.keySet().forEach(this::position);
      return this;
    }

    /**
     * Delivers the records after the source assigned its partitions, since assigning clears them.
     */
    void deliver() {
      for (LogRecord record : records) {
        if (assignment()
            .contains(new TopicPartition(record.raw().topic(), record.raw().partition()))) {
          addRecord(record.raw());
        }
      }
    }

    @Override
    public synchronized Map<TopicPartition, OffsetAndTimestamp> offsetsForTimes(
        Map<TopicPartition, Long> times, Duration timeout) {
      Map<TopicPartition, OffsetAndTimestamp> found = new HashMap<>();
      times.forEach(
          (p, t) ->
              found.put(
                  p,
                  records.stream()
                      .map(LogRecord::raw)
                      .filter(r -> r.topic().equals(p.topic()) && r.partition() == p.partition())
                      .filter(r -> r.timestamp() >= t)
                      .findFirst()
                      .map(r -> new OffsetAndTimestamp(r.offset(), r.timestamp()))
                      .orElse(null)));
      return found;
    }
  }

  private static List<ConsumerRecord<byte[], byte[]>> read(KafkaLogSource source) {
    List<ConsumerRecord<byte[], byte[]>> all = new ArrayList<>();
    for (LogRecord r = source.next(); r != null; r = source.next()) {
      all.add(r.raw());
    }
    return all;
  }

  @Test
  void partitionsAreMergedByTimeEachInItsOrder() {
    List<LogRecord> records = new Histories(7, 6, 3, 3, 7_200_000).records();
    Broker broker = new Broker(records).open();
    try (KafkaLogSource source =
        new KafkaLogSource(broker, "sandbox.", Selection.ALL, Map.of(), Instant.now())) {
      broker.deliver();
      assertThat(source.progress()).isZero();
      assertThat(read(source))
          .extracting(r -> r.topic() + "-" + r.partition() + "-" + r.offset())
          .containsExactlyElementsOf(records.stream().map(r -> r.position().toString()).toList());
      assertThat(source.progress()).isEqualTo(1);
      assertThat(source.coverage().of(Topic.READY, 0)).isEqualTo(Long.MIN_VALUE);
      assertThat(broker.committed(broker.ends.keySet())).isEmpty();
    }
    assertThat(broker.closed()).isTrue();
  }

  @Test
  void whatComesAfterTheEndOffsetsIsLeftOut() {
    List<LogRecord> records = new Histories(8, 3, 2, 2, 3_600_000).records();
    Broker broker = new Broker(records).open();
    Map<TopicPartition, Long> earlier = new HashMap<>();
    broker.ends.forEach((p, end) -> earlier.put(p, end / 2));
    broker.updateEndOffsets(earlier);
    try (KafkaLogSource source =
        new KafkaLogSource(broker, "sandbox.", Selection.ALL, Map.of(), Instant.now())) {
      broker.updateEndOffsets(broker.ends);
      broker.deliver();
      assertThat(read(source))
          .hasSize((int) earlier.values().stream().mapToLong(n -> n).sum())
          .allMatch(r -> r.offset() < earlier.get(new TopicPartition(r.topic(), r.partition())));
    }
  }

  @Test
  void timesAreChosenAndNotReadFarBeyond() {
    Histories made = new Histories(9, 6, 2, 2, 4 * 3_600_000);
    List<LogRecord> records = made.records();
    Broker broker = new Broker(records).open();
    Instant from = Instant.ofEpochMilli(Histories.START + 600_000);
    Instant to = Instant.ofEpochMilli(Histories.START + 1_200_000);
    try (KafkaLogSource source =
        new KafkaLogSource(
            broker, "sandbox.", new Selection(from, to, null), Map.of(), Instant.now())) {
      broker.deliver();
      assertThat(read(source))
          .hasSize(
              (int)
                  records.stream()
                      .filter(r -> r.time() >= from.toEpochMilli() && r.time() <= to.toEpochMilli())
                      .count());
      assertThat(source.end()).isEqualTo(to);
      assertThat(source.coverage().of(Topic.READY, 0)).isEqualTo(from.toEpochMilli());
    }
  }

  @Test
  void aPartitionThatBeginsLateIsKnownSinceItsFirstRecord() {
    List<LogRecord> all = new Histories(10, 6, 2, 2, 7_200_000).records();
    List<LogRecord> left =
        all.stream().filter(r -> r.topic() != Topic.READY || r.raw().offset() >= 5).toList();
    Broker broker = new Broker(left).open();
    try (KafkaLogSource source =
        new KafkaLogSource(broker, "sandbox.", Selection.ALL, Map.of(), Instant.now())) {
      broker.deliver();
      assertThat(source.coverage().of(Topic.READY, 0))
          .isEqualTo(
              left.stream()
                  .filter(r -> r.topic() == Topic.READY && r.raw().partition() == 0)
                  .findFirst()
                  .orElseThrow()
                  .time());
      assertThat(source.coverage().of(Topic.REAPED, 0)).isEqualTo(Long.MIN_VALUE);
      assertThat(read(source)).hasSameSizeAs(left);
    }
  }

  /** Its first record may be new, if records are rare. */
  @Test
  void aPartitionThatBeginsLateIsKnownAtLeastForAsLongAsItsTopicKeepsRecords() {
    List<LogRecord> left =
        new Histories(10, 6, 2, 2, 7_200_000)
            .records().stream().filter(r -> r.raw().offset() >= 5).toList();
    Instant before = Instant.ofEpochMilli(Histories.START).minus(Duration.ofDays(1));
    Instant now = Instant.ofEpochMilli(Histories.START).plus(Duration.ofDays(1));
    Map<Topic, Instant> kept = Map.of(Topic.READY, before, Topic.REAPED, now);
    Broker broker = new Broker(left).open();
    try (KafkaLogSource source = new KafkaLogSource(broker, "sandbox.", Selection.ALL, kept, now)) {
      broker.deliver();
      assertThat(source.coverage().of(Topic.READY, 0)).isEqualTo(before.toEpochMilli());
      assertThat(source.coverage().of(Topic.REAPED, 0))
          .as("kept for longer than it has to be")
          .isBetween(Histories.START, now.toEpochMilli() - 1);
    }
  }

  /** The clock of the machine that reads it may be ahead of theirs. */
  @Test
  void theLogEndsNowByTheClockOfTheBrokers() {
    Instant now = Instant.now().minus(Duration.ofMinutes(6));
    Broker broker = new Broker(List.of());
    try (KafkaLogSource source =
        new KafkaLogSource(broker.open(), "sandbox.", Selection.ALL, Map.of(), now)) {
      assertThat(source.end()).isEqualTo(now);
    }
  }

  @Test
  void aPartitionWhoseRecordsAreAllDeletedIsNotKnown() {
    List<LogRecord> all = new Histories(10, 6, 2, 2, 7_200_000).records();
    List<LogRecord> left =
        all.stream().filter(r -> r.topic() != Topic.READY || r.raw().partition() != 0).toList();
    Broker broker = new Broker(left).withEmpty("sandbox.ready", 5);
    try (KafkaLogSource source =
        new KafkaLogSource(broker.open(), "sandbox.", Selection.ALL, Map.of(), Instant.now())) {
      broker.deliver();
      assertThat(source.coverage().of(Topic.READY, 0)).isEqualTo(source.end().toEpochMilli());
      assertThat(source.coverage().of(Topic.READY, 1)).isEqualTo(Long.MIN_VALUE);
    }
  }

  @Test
  void aPartitionWhoseRecordsAreAllDeletedIsKnownForAsLongAsItsTopicKeepsThem() {
    Broker broker = new Broker(List.of()).withEmpty("sandbox.failed", 5);
    Instant kept = Instant.now().minus(Duration.ofDays(7));
    try (KafkaLogSource source =
        new KafkaLogSource(
            broker.open(), "sandbox.", Selection.ALL, Map.of(Topic.FAILED, kept), Instant.now())) {
      assertThat(source.coverage().of(Topic.FAILED, 0)).isEqualTo(kept.toEpochMilli());
    }
  }

  /** What is left of it is later than all that is asked for. */
  @Test
  void aPartitionWhoseRecordsOfThatTimeAreDeletedIsNotKnown() {
    List<LogRecord> left =
        new Histories(10, 6, 2, 2, 7_200_000)
            .records().stream().filter(r -> r.raw().offset() >= 1).toList();
    Broker broker = new Broker(left).open();
    Instant to = Instant.ofEpochMilli(Histories.START - 30L * 24 * 3_600_000);
    try (KafkaLogSource source =
        new KafkaLogSource(
            broker, "sandbox.", new Selection(null, to, null), Map.of(), Instant.now())) {
      broker.deliver();
      assertThat(source.coverage().of(Topic.READY, 0)).isEqualTo(to.toEpochMilli());
      assertThat(source.next()).isNull();
    }
  }

  @Test
  void aPartitionThatBeginsAfterTheChosenTimeIsKnownSinceItsFirstRecord() {
    List<LogRecord> left =
        new Histories(10, 6, 2, 2, 7_200_000)
            .records().stream().filter(r -> r.raw().offset() >= 5).toList();
    Broker broker = new Broker(left).open();
    Instant from = Instant.ofEpochMilli(Histories.START);
    try (KafkaLogSource source =
        new KafkaLogSource(
            broker, "sandbox.", new Selection(from, null, null), Map.of(), Instant.now())) {
      broker.deliver();
      assertThat(source.coverage().of(Topic.READY, 0))
          .isGreaterThan(from.toEpochMilli())
          .isEqualTo(
              left.stream()
                  .filter(r -> r.topic() == Topic.READY && r.raw().partition() == 0)
                  .findFirst()
                  .orElseThrow()
                  .time());
    }
  }

  /** Output comes in records of up to 256 KiB, of which a topic has many. */
  @Test
  void aPartitionThatIsAheadIsPausedByItsBytes() {
    int size = 256 << 10;
    assertHoldsNoMoreThanItMay(outputs(1_000, new byte[size]), size);
  }

  /** Anybody may write a small record with headers of up to a megabyte. */
  @Test
  void aPartitionThatIsAheadIsPausedByTheBytesOfItsHeaders() {
    int size = 256 << 10;
    List<LogRecord> records = outputs(1_000, new byte[0]);
    records.forEach(each -> each.raw().headers().add("large", new byte[size]));
    assertHoldsNoMoreThanItMay(records, size);
  }

  @Test
  void manyRecordsAndHeadersCountAlsoIfTheyAreEmpty() {
    List<LogRecord> records = outputs(1, new byte[0]);
    long bare = records.getFirst().bytes();
    assertThat(bare).isGreaterThanOrEqualTo(100);
    records.getFirst().raw().headers().add("", null);
    assertThat(records.getFirst().bytes()).isGreaterThanOrEqualTo(bare + 50);
  }

  private static void assertHoldsNoMoreThanItMay(List<LogRecord> records, int size) {
    int poll = 10;
    AtomicLong read = new AtomicLong();
    AtomicLong most = new AtomicLong();
    Broker broker =
        new Broker(records) {
          private long polled;

          @Override
          public synchronized ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
            ConsumerRecords<byte[], byte[]> batch = super.poll(timeout);
            polled += batch.count();
            most.accumulateAndGet(polled - read.get(), Math::max);
            return batch;
          }
        };
    broker.open().setMaxPollRecords(poll);
    try (KafkaLogSource source =
        new KafkaLogSource(broker, "sandbox.", Selection.ALL, Map.of(), Instant.now())) {
      broker.deliver();
      while (source.next() != null) {
        read.incrementAndGet();
      }
    }
    assertThat(read).hasValue(records.size());
    assertThat(most.get() * size)
        .isBetween(KafkaLogSource.HELD_BYTES / 2, KafkaLogSource.HELD_BYTES + 2L * poll * size);
  }

  @Test
  void recordsThatAreLargerThanAllThatMayBeHeldAreReadOneAtATime() {
    List<LogRecord> records = outputs(3, new byte[(int) KafkaLogSource.HELD_BYTES + 1]);
    Broker broker = new Broker(records).open();
    broker.setMaxPollRecords(1);
    try (KafkaLogSource source =
        new KafkaLogSource(broker, "sandbox.", Selection.ALL, Map.of(), Instant.now())) {
      broker.deliver();
      assertThat(read(source)).hasSameSizeAs(records);
    }
  }

  /** The given number of records in each of two partitions, alternating. */
  private static List<LogRecord> outputs(int each, byte[] value) {
    List<LogRecord> records = new ArrayList<>();
    for (int i = 0; i < 2 * each; i++) {
      records.add(
          new LogRecord(
              Topic.OUTPUT,
              new ConsumerRecord<>(
                  "sandbox.output",
                  i % 2,
                  i / 2,
                  Histories.START + i,
                  TimestampType.CREATE_TIME,
                  0,
                  value.length,
                  null,
                  value,
                  new RecordHeaders(),
                  Optional.empty())));
    }
    return records;
  }

  @Test
  void emptyTopics() {
    Broker broker = new Broker(List.of()).withEmpty("sandbox.ensure", 0);
    try (KafkaLogSource source =
        new KafkaLogSource(broker.open(), "sandbox.", Selection.ALL, Map.of(), Instant.now())) {
      assertThat(source.coverage().from()).isEqualTo(Long.MIN_VALUE);
      assertThat(source.next()).isNull();
      assertThat(source.progress()).isEqualTo(1);
    }
  }

  @Test
  void aBrokerThatGoesAwayIsNoticed() {
    List<LogRecord> records = new Histories(11, 2, 1, 1, 3_600_000).records();
    Broker broker =
        new Broker(records) {
          private int asked;

          @Override
          public synchronized Map<TopicPartition, Long> endOffsets(
              java.util.Collection<TopicPartition> partitions) {
            if (asked++ > 0) {
              throw new TimeoutException("nobody answers");
            }
            return super.endOffsets(partitions);
          }
        };
    broker.open();
    try (KafkaLogSource source =
        new KafkaLogSource(
            broker, "sandbox.", Selection.ALL, Map.of(), Instant.now(), Duration.ofMillis(50))) {
      assertThatThrownBy(source::next)
          .isInstanceOf(TimeoutException.class)
          .hasMessage("nobody answers");
    }
  }
}
