/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;

/**
 * Reads a topic up to its end at the time of the call. The calls block, and have the callback run
 * on the calling thread.
 */
public final class LogReader {
  private static final Duration CALL_TIMEOUT = Duration.ofSeconds(10);

  private final Supplier<Consumer<byte[], byte[]>> consumers;
  private final java.util.function.Consumer<Consumer<byte[], byte[]>> done;

  /** Creates a reader, which makes a consumer without a group for each read. */
  public LogReader(Supplier<Consumer<byte[], byte[]>> consumers) {
    this(consumers, Consumer::close);
  }

  private LogReader(
      Supplier<Consumer<byte[], byte[]>> consumers,
      java.util.function.Consumer<Consumer<byte[], byte[]>> done) {
    this.consumers = consumers;
    this.done = done;
  }

  /**
   * Creates a reader over a consumer that the caller keeps and closes; each read assigns it anew.
   */
  public static LogReader over(Consumer<byte[], byte[]> consumer) {
    return new LogReader(() -> consumer, _ -> {});
  }

  /**
   * Reads every record from a time on.
   *
   * @throws org.apache.kafka.common.KafkaException if Kafka is not reached
   */
  public void read(
      String topic,
      Collection<Integer> partitions,
      Instant from,
      java.util.function.Consumer<ConsumerRecord<byte[], byte[]>> each) {
    List<TopicPartition> all =
        partitions.stream().map(number -> new TopicPartition(topic, number)).toList();
    Consumer<byte[], byte[]> consumer = consumers.get();
    try {
      LogRange range =
          from.equals(Instant.EPOCH)
              ? LogRange.all(consumer, all, CALL_TIMEOUT)
              : LogRange.since(consumer, all, from, CALL_TIMEOUT);
      Map<TopicPartition, Long> _ = new RangeRead(consumer, range).each(each);
    } finally {
      done.accept(consumer);
    }
  }

  /**
   * Reads the latest records from a time on.
   *
   * @param records most records to read from one partition
   * @param bytes about how many bytes of values to read at most
   * @throws org.apache.kafka.common.KafkaException if Kafka is not reached
   */
  public void readLatest(
      String topic,
      Collection<Integer> partitions,
      Instant from,
      long records,
      long bytes,
      java.util.function.Consumer<ConsumerRecord<byte[], byte[]>> each) {
    List<TopicPartition> all =
        partitions.stream().map(number -> new TopicPartition(topic, number)).toList();
    Consumer<byte[], byte[]> consumer = consumers.get();
    try {
      LogRange since = LogRange.since(consumer, all, from, CALL_TIMEOUT);
      Map<TopicPartition, Long> starts = new HashMap<>(since.starts());
      starts.replaceAll(
          (partition, start) ->
              Math.max(start, Objects.requireNonNull(since.ends().get(partition)) - records));
      Map<TopicPartition, Long> _ =
          new RangeRead(consumer, new LogRange(starts, since.ends())).atMost(bytes).each(each);
    } finally {
      done.accept(consumer);
    }
  }

  /**
   * The offset behind the last record of each partition.
   *
   * @throws org.apache.kafka.common.KafkaException if Kafka is not reached
   */
  Map<Integer, Long> ends(String topic, Collection<Integer> partitions) {
    Map<Integer, Long> ends = new HashMap<>();
    if (partitions.isEmpty()) {
      return ends;
    }
    Consumer<byte[], byte[]> consumer = consumers.get();
    try {
      consumer
          .endOffsets(
              partitions.stream().map(number -> new TopicPartition(topic, number)).toList(),
              CALL_TIMEOUT)
          .forEach((partition, end) -> ends.put(partition.partition(), end));
    } finally {
      done.accept(consumer);
    }
    return ends;
  }

  /**
   * The time of the first record of each partition from which retention removed records.
   *
   * @throws org.apache.kafka.common.KafkaException if Kafka is not reached
   */
  public Map<Integer, Instant> cut(String topic, Collection<Integer> partitions) {
    List<TopicPartition> all =
        partitions.stream().map(number -> new TopicPartition(topic, number)).toList();
    Map<Integer, Instant> cut = new HashMap<>();
    Consumer<byte[], byte[]> consumer = consumers.get();
    try {
      Map<TopicPartition, Long> removed =
          new HashMap<>(consumer.beginningOffsets(all, CALL_TIMEOUT));
      removed.values().removeIf(beginning -> beginning == 0);
      consumer
          .offsetsForTimes(
              removed.keySet().stream().collect(Collectors.toMap(Function.identity(), _ -> 0L)),
              CALL_TIMEOUT)
          .forEach(
              (partition, first) ->
                  cut.put(
                      partition.partition(),
                      first == null ? Instant.MAX : Instant.ofEpochMilli(first.timestamp())));
    } finally {
      done.accept(consumer);
    }
    return cut;
  }
}
