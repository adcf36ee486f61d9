/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.kafka.LogRange;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.TopicPartition;

/** Assigns a consumer partitions, and decides where it begins in each. */
@FunctionalInterface
interface Positioning {
  /**
   * Assigns a consumer some or all of the given partitions.
   *
   * @param all all partitions of the topics
   * @param limit longest wait for one answer from Kafka
   */
  void assign(Consumer<byte[], byte[]> consumer, List<TopicPartition> all, Duration limit);

  /** All partitions, which the consumer's user positions. */
  static Positioning none() {
    return (consumer, all, _) -> consumer.assign(all);
  }

  /** All partitions, at their present ends. */
  static Positioning ends() {
    return (consumer, all, limit) -> assignAt(consumer, all, consumer.endOffsets(all, limit));
  }

  /** All partitions, at their beginnings. */
  static Positioning beginnings() {
    return (consumer, all, limit) -> assignAt(consumer, all, consumer.beginningOffsets(all, limit));
  }

  /** All partitions, at their first records at or after an instant. */
  static Positioning since(Instant instant) {
    return (consumer, all, limit) ->
        assignAt(consumer, all, LogRange.since(consumer, all, instant, limit).starts());
  }

  /**
   * The same for a user's partition of each topic. Kafka is asked nothing about the others: while
   * one of them has no leader, it gives no answer.
   */
  default Positioning of(UserId user) {
    return (consumer, all, limit) -> assign(consumer, UserPartitions.of(user, all), limit);
  }

  private static void assignAt(
      Consumer<byte[], byte[]> consumer,
      List<TopicPartition> partitions,
      Map<TopicPartition, Long> starts) {
    consumer.assign(partitions);
    starts.forEach(consumer::seek);
  }
}
