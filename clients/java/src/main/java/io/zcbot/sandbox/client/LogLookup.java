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
import java.util.function.Function;
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

/**
 * Reads ranges of the log with a consumer of its own, which is only for what is rarely asked. Its
 * methods throw Kafka's exceptions, {@link TimeoutException} at the deadline. For one thread.
 */
final class LogLookup implements AutoCloseable {
  /** After this time, it looks whether the answer is still needed. */
  private static final Duration CALL = Duration.ofSeconds(2);

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
    List<PartitionInfo> partitions = answer(time -> consumer.partitionsFor(topic, time));
    if (partitions == null || partitions.isEmpty()) {
      throw new UnknownTopicOrPartitionException("the topic " + topic + " does not exist");
    }
    byte[] key = user.toString().getBytes(StandardCharsets.US_ASCII);
    return new TopicPartition(topic, Utils.toPositive(Utils.murmur2(key)) % partitions.size());
  }

  long begin(TopicPartition partition) {
    return offset(answer(time -> consumer.beginningOffsets(Set.of(partition), time)), partition);
  }

  long end(TopicPartition partition) {
    return offset(answer(time -> consumer.endOffsets(Set.of(partition), time)), partition);
  }

  private static long offset(Map<TopicPartition, Long> offsets, TopicPartition partition) {
    return Objects.requireNonNull(offsets.get(partition));
  }

  /** Returns the offset of the first record of a time or later; the partition's end if none is. */
  long firstAt(TopicPartition partition, Instant time) {
    Map<TopicPartition, Long> wanted = Map.of(partition, time.toEpochMilli());
    OffsetAndTimestamp first =
        answer(atMost -> consumer.offsetsForTimes(wanted, atMost)).get(partition);
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
    while (answer(time -> consumer.position(partition, time)) < to) {
      for (ConsumerRecord<byte[], byte[]> record : consumer.poll(deadline.atMost(POLL).left())) {
        if (record.offset() >= to || !receiver.test(record)) {
          return;
        }
      }
    }
  }

  /** Asks brokers until they answer, the deadline is over, or nobody needs the answer. */
  private <T> T answer(Function<Duration, T> question) {
    while (!deadline.isOver() && !isMoot.getAsBoolean()) {
      try {
        return question.apply(deadline.atMost(CALL).left());
      } catch (TimeoutException e) {
        // they may be restarting
      }
    }
    throw new TimeoutException("brokers did not answer in time");
  }

  @Override
  public void close() {
    consumer.close(CloseOptions.timeout(CLOSE));
  }
}
