/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.kafka.LogRange;
import io.zcbot.sandbox.worker.kafka.LogReader;
import io.zcbot.sandbox.worker.kafka.RangeRead;
import io.zcbot.sandbox.worker.publish.KafkaSandboxLog;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;

/** Reads ranges of topics, one after the other and over one connection. Not thread-safe. */
final class RangeReader implements AutoCloseable {
  private static final Duration CALL_LIMIT = Duration.ofSeconds(8);

  private final Consumer<byte[], byte[]> consumer;
  private final List<TopicPartition> all;
  private final String topicPrefix;

  /**
   * Creates a reader that owns a consumer.
   *
   * @param consumer assigned to all partitions of the topics; closed with the reader
   */
  RangeReader(Consumer<byte[], byte[]> consumer, String topicPrefix) {
    this.consumer = consumer;
    this.all = List.copyOf(consumer.assignment());
    this.topicPrefix = topicPrefix;
  }

  String topicPrefix() {
    return topicPrefix;
  }

  List<TopicPartition> partitions(Topic... topics) {
    Set<String> names =
        Arrays.stream(topics).map(topic -> topic.named(topicPrefix)).collect(Collectors.toSet());
    return all.stream().filter(partition -> names.contains(partition.topic())).toList();
  }

  /** Returns the partitions with the records of one user. */
  List<TopicPartition> partitions(UserId user, Topic... topics) {
    return UserPartitions.of(user, partitions(topics));
  }

  /** Returns the range from an instant to the present ends. */
  LogRange since(Instant instant, Collection<TopicPartition> partitions) {
    return LogRange.since(consumer, partitions, instant, CALL_LIMIT);
  }

  /**
   * Reads a range, and nothing behind it.
   *
   * @param deadline as of {@link System#nanoTime}
   * @param each called for each record, in order within a partition
   * @return false if the deadline passed before all records were read
   */
  boolean read(
      LogRange range,
      long deadline,
      java.util.function.Consumer<ConsumerRecord<byte[], byte[]>> each) {
    return new RangeRead(consumer, range)
        .whileWanted(() -> System.nanoTime() - deadline <= 0)
        .each(
            record -> {
              long end =
                  range
                      .ends()
                      .getOrDefault(new TopicPartition(record.topic(), record.partition()), 0L);
              if (record.offset() < end) {
                each.accept(record);
              }
            })
        .isEmpty();
  }

  /** Returns a reader for code that is shared with workers; usable until the next range is read. */
  LogReader log() {
    return LogReader.over(consumer);
  }

  /**
   * Returns what the topics say about sandboxes, as workers read it. The reader needs the live
   * topic and those of the events that are asked for.
   *
   * @param mostBytes the most memory for entries of containers that are not asked for
   */
  KafkaSandboxLog sandboxes(long mostBytes) {
    return new KafkaSandboxLog(
        log(), topicPrefix, new KeyPartitions(partitions(Topic.LIVE).size()), mostBytes);
  }

  @Override
  public void close() {
    consumer.close();
  }
}
