/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.UserId;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.utils.Utils;
import org.jspecify.annotations.Nullable;

/**
 * Reads ranges of the log with a consumer of its own, which is only for what is rarely asked. Its
 * methods throw Kafka's exceptions, {@link TimeoutException} at the deadline. For one thread.
 */
final class LogLookup implements AutoCloseable {
  private static final Duration CALL = Duration.ofSeconds(5);
  private static final Duration CLOSE = Duration.ofMillis(500);
  private static final Duration POLL = Duration.ofMillis(500);

  private final Consumer<byte[], byte[]> consumer;
  private final Deadline deadline;
  private final BooleanSupplier isMoot;

  /**
   * @param isMoot whether nobody needs the answer any more, which then is a time-out
   */
  LogLookup(Consumer<byte[], byte[]> consumer, Deadline deadline, BooleanSupplier isMoot) {
    this.consumer = consumer;
    this.deadline = deadline;
    this.isMoot = isMoot;
  }

  /** Returns a user's partition of a topic. */
  TopicPartition partition(String topic, UserId user) {
    List<PartitionInfo> partitions = consumer.partitionsFor(topic, call());
    if (partitions == null || partitions.isEmpty()) {
      throw new UnknownTopicOrPartitionException("the topic " + topic + " does not exist");
    }
    byte[] key = user.toString().getBytes(StandardCharsets.US_ASCII);
    return new TopicPartition(topic, Utils.toPositive(Utils.murmur2(key)) % partitions.size());
  }

  long begin(TopicPartition partition) {
    return offset(consumer.beginningOffsets(Set.of(partition), call()), partition);
  }

  long end(TopicPartition partition) {
    return offset(consumer.endOffsets(Set.of(partition), call()), partition);
  }

  private static long offset(Map<TopicPartition, Long> offsets, TopicPartition partition) {
    return Objects.requireNonNull(offsets.get(partition));
  }

  /** Returns the offset of the first record of a time or later; the partition's end if none is. */
  long firstAt(TopicPartition partition, Instant time) {
    @Nullable OffsetAndTimestamp first =
        consumer.offsetsForTimes(Map.of(partition, time.toEpochMilli()), call()).get(partition);
    return first == null ? end(partition) : first.offset();
  }

  /**
   * Reads the records from an offset to before another one. What is no longer in the log is left
   * out.
   *
   * @param receiver takes the records, and returns whether to go on
   */
  void read(
      TopicPartition partition,
      long from,
      long to,
      Predicate<ConsumerRecord<byte[], byte[]>> receiver) {
    if (from >= to) {
      return;
    }
    consumer.assign(Set.of(partition));
    consumer.seek(partition, Math.max(from, begin(partition)));
    while (consumer.position(partition, call()) < to) {
      for (ConsumerRecord<byte[], byte[]> record : consumer.poll(deadline.atMost(POLL).left())) {
        if (record.offset() >= to || !receiver.test(record)) {
          return;
        }
      }
      call();
    }
  }

  /** Returns how long the next call of the consumer may take. */
  private Duration call() {
    if (deadline.isOver() || isMoot.getAsBoolean()) {
      throw new TimeoutException("the time for it is over");
    }
    return deadline.atMost(CALL).left();
  }

  @Override
  public void close() {
    consumer.close(CloseOptions.timeout(CLOSE));
  }
}
