/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.TopicPartition;

/**
 * The offsets between which partitions are read.
 *
 * @param starts the offset of the first record of each partition
 * @param ends the offset behind the last record
 */
public record LogRange(Map<TopicPartition, Long> starts, Map<TopicPartition, Long> ends) {
  /**
   * The range of all records.
   *
   * @param limit longest wait for one answer from Kafka
   */
  public static LogRange all(
      Consumer<byte[], byte[]> consumer, Collection<TopicPartition> partitions, Duration limit) {
    return new LogRange(
        consumer.beginningOffsets(partitions, limit), consumer.endOffsets(partitions, limit));
  }

  /**
   * The range from the first record at or after an instant on; empty for a partition without one.
   *
   * @param limit longest wait for one answer from Kafka
   */
  public static LogRange since(
      Consumer<byte[], byte[]> consumer,
      Collection<TopicPartition> partitions,
      Instant from,
      Duration limit) {
    // Read the ends first, or a record that is appended between the answers would be skipped.
    Map<TopicPartition, Long> ends = consumer.endOffsets(partitions, limit);
    Map<TopicPartition, Long> starts = new HashMap<>(ends);
    long instant = Math.max(0, from.toEpochMilli()); // Kafka refuses negative times
    consumer
        .offsetsForTimes(
            partitions.stream().collect(Collectors.toMap(Function.identity(), _ -> instant)), limit)
        .forEach(
            (partition, first) -> {
              if (first != null) {
                starts.put(partition, first.offset());
              }
            });
    return new LogRange(starts, ends);
  }
}
