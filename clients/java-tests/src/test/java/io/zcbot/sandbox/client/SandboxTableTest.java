/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.CurrentSandbox;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Test;

/** What no broker does at will; {@link PlayedWorkerIT} shows the table with one. */
class SandboxTableTest {
  private static final String TOPIC = Topic.CURRENT.named("");
  private static final TopicPartition PARTITION = new TopicPartition(TOPIC, 0);
  private static final Duration LONG = Duration.ofSeconds(60);

  private final EventCodec codec = new EventCodec();

  /** A topic with one partition, whose first poll that has records fails. */
  private static final class Consumer extends WaitingConsumer {
    private final List<ConsumerRecord<byte[], byte[]>> records;
    private Error failure;

    Consumer(List<ConsumerRecord<byte[], byte[]>> records, Error failure) {
      this.records = records;
      this.failure = failure;
      updatePartitions(TOPIC, List.of(new PartitionInfo(TOPIC, 0, null, null, null)));
      updateBeginningOffsets(Map.of(PARTITION, 0L));
    }

    @Override
    public synchronized void seekToBeginning(Collection<TopicPartition> partitions) {
      super.seekToBeginning(partitions);
      records.forEach(this::addRecord);
    }

    @Override
    public ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
      ConsumerRecords<byte[], byte[]> polled = super.poll(timeout);
      Error now = failure;
      if (!polled.isEmpty() && now != null) {
        failure = null;
        throw now;
      }
      return polled;
    }
  }

  private static final class Ends implements EndOffsets {
    private final long end;

    Ends(long end) {
      this.end = end;
    }

    @Override
    public Map<TopicPartition, Long> of(Collection<TopicPartition> partitions, Deadline deadline) {
      return Map.of(PARTITION, end);
    }

    @Override
    public void close() {}
  }

  private CurrentSandbox sandbox(Map<String, String> labels) {
    return new CurrentSandbox("r", Samples.user(), Samples.NOW, Samples.CONTAINER, labels, null);
  }

  private SandboxTable table(
      List<CurrentSandbox> entries, long maxBytes, Predicate<CurrentSandbox> kept, Error failure) {
    List<ConsumerRecord<byte[], byte[]>> records =
        entries.stream()
            .map(
                entry ->
                    new ConsumerRecord<>(
                        TOPIC,
                        0,
                        entries.indexOf(entry),
                        codec.currentKey(entry.userId()),
                        codec.encodeCurrent(entry)))
            .toList();
    SandboxTable table =
        new SandboxTable(
            new Consumer(records, failure),
            new Ends(entries.size()),
            "",
            maxBytes,
            kept,
            closed -> {});
    table.start();
    return table;
  }

  /** Otherwise whoever asks it would learn nothing new until the process ends. */
  @Test
  void anErrorDoesNotEndTheReader() throws Exception {
    CurrentSandbox entry = sandbox(Map.of());
    try (SandboxTable table =
        table(List.of(entry), 1 << 20, each -> true, new StackOverflowError("x"))) {
      Deadline deadline = Deadline.in(LONG);
      while (!table.all().contains(entry)) {
        assertThat(deadline.isOver()).isFalse();
        Thread.sleep(20);
      }
      assertThat(table.awaitCurrent(LONG)).isTrue();
    }
  }

  @Test
  void whatIsNotKeptTakesNoMemory() throws Exception {
    CurrentSandbox mine = sandbox(Map.of("mine", "yes"));
    CurrentSandbox other = sandbox(Map.of("other", "x".repeat(4000)));
    List<CurrentSandbox> all = List.of(other, mine);
    try (SandboxTable table = table(all, 3000, each -> each.labels().containsKey("mine"), null)) {
      assertThat(table.awaitCurrent(LONG)).isTrue();
      assertThat(table.all()).containsExactly(mine);
      assertThat(table.get(other.userId())).isEmpty();
      assertThat(table.bytes()).isPositive().isLessThan(3000);
    }
    try (SandboxTable table = table(all, 3000, each -> true, null)) {
      UserId user = mine.userId();
      assertThatThrownBy(() -> table.awaitCurrent(LONG)).hasMessageContaining("more than 3000");
      assertThatThrownBy(() -> table.get(user)).hasMessageContaining("more than 3000");
    }
  }
}
