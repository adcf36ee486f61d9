/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.LongSupplier;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;

/**
 * The topics that a consumer reads, as they grow. A poll tells neither of brokers that are away nor
 * of new partitions: this asks for both. The consumer knows of new partitions once it renewed its
 * metadata ({@code metadata.max.age.ms}, 5 minutes by default), and begins them when all partitions
 * have a leader.
 */
final class FollowedTopics {
  private static final Duration POLL = Duration.ofMillis(500);
  private static final Duration ASK_EVERY = Duration.ofSeconds(5);

  /** Each question without an answer holds up the records of partitions that have a leader. */
  private static final Duration ASK_AGAIN = Duration.ofSeconds(30);

  private static final Duration ANSWER = Duration.ofSeconds(2);

  private final Consumer<byte[], byte[]> consumer;
  private final Set<String> topics;
  private final PrintWriter err;
  private final LongSupplier nanos;
  private long asked;
  private boolean isAway;

  /**
   * Follows the topics.
   *
   * @param consumer assigned and positioned; the caller closes it
   * @param err is notified when Kafka does not answer, and when it does again
   * @param nanos a monotonic clock
   */
  FollowedTopics(Consumer<byte[], byte[]> consumer, PrintWriter err, LongSupplier nanos) {
    this.consumer = consumer;
    this.topics =
        consumer.assignment().stream().map(TopicPartition::topic).collect(Collectors.toSet());
    this.err = err;
    this.nanos = nanos;
    this.asked = nanos.getAsLong();
  }

  /** Polls a batch and sorts it by time, because topics are fetched concurrently. */
  List<ConsumerRecord<byte[], byte[]>> next() {
    Duration every = isAway ? ASK_AGAIN : ASK_EVERY;
    if (nanos.getAsLong() - asked >= every.toNanos()) {
      ask();
      asked = nanos.getAsLong();
    }
    List<ConsumerRecord<byte[], byte[]>> batch = new ArrayList<>();
    consumer.poll(POLL).forEach(batch::add);
    batch.sort(Comparator.comparingLong(ConsumerRecord::timestamp));
    return batch;
  }

  private void ask() {
    try {
      var _ = consumer.endOffsets(consumer.assignment(), ANSWER);
      addNewPartitions();
      if (isAway) {
        err.println("Kafka answers again");
      }
      isAway = false;
    } catch (TimeoutException _) {
      if (!isAway) {
        err.println(
            "Kafka does not answer, or not for all partitions; what was published there is printed"
                + " once it does");
      }
      isAway = true;
    }
  }

  /** They are read from their beginning, since they began while the topics were followed. */
  private void addNewPartitions() {
    Set<TopicPartition> added =
        topics.stream()
            .map(topic -> consumer.partitionsFor(topic, ANSWER))
            .flatMap(Collection::stream)
            .map(each -> new TopicPartition(each.topic(), each.partition()))
            .collect(Collectors.toSet());
    Set<TopicPartition> before = consumer.assignment();
    added.removeAll(before);
    if (!added.isEmpty()) {
      Set<TopicPartition> all = new HashSet<>(before);
      all.addAll(added);
      consumer.assign(all);
      consumer.seekToBeginning(added);
    }
  }
}
