/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.MockConsumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.record.TimestampType;
import org.junit.jupiter.api.Test;

class RecentEventsTest {
  private static final UserId USER = UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  private static final Instant NOW = Instant.parse("2026-11-24T12:00:00Z");
  private static final TopicPartition EXEC = new TopicPartition(Topic.EXEC.named("sandbox."), 0);

  private final MockConsumer<byte[], byte[]> consumer =
      new MockConsumer<>("earliest") {
        @Override
        public synchronized Map<TopicPartition, OffsetAndTimestamp> offsetsForTimes(
            Map<TopicPartition, Long> times, Duration timeout) {
          long from = Objects.requireNonNull(times.get(EXEC));
          int first = 0;
          while (first < ages.size() && from > NOW.minus(ages.get(first)).toEpochMilli()) {
            first++;
          }
          return Map.of(EXEC, new OffsetAndTimestamp(first, 0));
        }
      };

  /** How old the execs are, where that matters; otherwise all are read in one step. */
  private List<Duration> ages = List.of();

  /** Reads execs, one a second and the last one second ago. */
  private RecentEvents read(int count, int bytes) {
    consumer.assign(List.of(EXEC));
    consumer.updateEndOffsets(Map.of(EXEC, (long) count));
    consumer.schedulePollTask(
        () -> IntStream.range(0, count).forEach(i -> consumer.addRecord(exec(i, count, bytes))));
    try (RangeReader reader = new RangeReader(consumer, "sandbox.")) {
      return RecentEvents.ofCommands(reader, USER, NOW);
    }
  }

  private static ConsumerRecord<byte[], byte[]> exec(int number, int count, int bytes) {
    Instant at = NOW.minusSeconds(count - number);
    Exec exec = SampleEvents.exec("e" + number, USER, at, null, "x".repeat(bytes));
    EventCodec codec = new EventCodec();
    return new ConsumerRecord<>(
        EXEC.topic(),
        EXEC.partition(),
        number,
        at.toEpochMilli(),
        TimestampType.LOG_APPEND_TIME,
        0,
        0,
        codec.key(exec),
        codec.encode(exec),
        new RecordHeaders(),
        Optional.empty());
  }

  private static List<String> shown(RecentEvents history) {
    return history.newest().stream().map(entry -> entry.event().eventId()).toList();
  }

  @Test
  void aHistoryIsReadWholeWhereItIsSmall() {
    RecentEvents history = read(100, 10);
    assertThat(history.entries()).hasSize(100);
    assertThat(history.since()).isEqualTo(NOW.minus(Duration.ofMinutes(10)));
    assertThat(shown(history))
        .containsExactly("e90", "e91", "e92", "e93", "e94", "e95", "e96", "e97", "e98", "e99");
  }

  /** What a later step reads once more is not one of those that are wanted. */
  @Test
  void aHistoryOfFewEventsIsReadFurtherBack() {
    ages =
        Stream.of(300, 60, 1, 1, 1, 1, 1, 1).map(minutes -> Duration.ofMinutes(minutes)).toList();
    for (int step = 0; step < 2; step++) { // the third one is that of read()
      consumer.schedulePollTask(
          () -> IntStream.range(0, 8).forEach(i -> consumer.addRecord(exec(i, 8, 10))));
    }
    assertThat(read(8, 10).entries()).hasSize(8);
  }

  /** A user may have gigabytes of them within minutes. */
  @Test
  void ofLargeCommandsOnlyTheNewestAreKept() {
    int bytes = 64 << 10;
    int count = 2 * (int) HeldEntries.MOST_BYTES / bytes;
    RecentEvents history = read(count, bytes);
    assertThat(history.entries().stream().mapToLong(entry -> Records.memory(entry.record())).sum())
        .isBetween(HeldEntries.MOST_BYTES - 2 * bytes, HeldEntries.MOST_BYTES);
    assertThat(shown(history))
        .hasSize(RecentEvents.WANTED)
        .startsWith("e" + (count - 10))
        .endsWith("e" + (count - 1));
    assertThat(history.since())
        .describedAs("that from which on everything is known")
        .isEqualTo(history.entries().getFirst().at());
  }

  @Test
  void whatIsShownIsKeptHoweverLargeItIs() {
    HeldEntries held = new HeldEntries();
    for (int i = 0; i < 20; i++) {
      ConsumerRecord<byte[], byte[]> record = exec(i, 20, (int) HeldEntries.MOST_BYTES / 8);
      held.add(new RecentEvents.Entry(record, SampleEvents.exec(USER, "ls")));
    }
    assertThat(held.isWhole()).isFalse();
    assertThat(held.newest()).hasSize(RecentEvents.WANTED + 1);
    assertThat(held.oldest()).isEqualTo(NOW.minusSeconds(RecentEvents.WANTED + 1));
  }
}
