/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.kafka.LogReader;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options that select dead letters. */
final class DeadLetterSelection {
  @Option(
      names = "--topic",
      paramLabel = "TOPIC",
      description = "Only records of this topic: ${COMPLETION-CANDIDATES}.")
  private PublishCommand.@Nullable InputTopic topic;

  @Option(
      names = "--reason",
      paramLabel = "TEXT",
      description = "Only those whose reason contains this text, in upper or lower case.")
  private @Nullable String reason;

  @Option(
      names = "--from",
      paramLabel = "TIME",
      converter = LogOptions.Time.class,
      description =
          "Only those written from this time on: an RFC 3339 time, or how long ago, for example 2h.")
  private @Nullable Instant from;

  @Option(
      names = "--to",
      paramLabel = "TIME",
      converter = LogOptions.Time.class,
      description = "Only those written up to this time.")
  private @Nullable Instant to;

  /**
   * Reads the topic up to its present end and passes on each selected dead letter; those of one
   * partition in order.
   */
  void read(KafkaLog log, java.util.function.Consumer<DeadLetter> each) throws CommandException {
    Consumer<byte[], byte[]> records = log.fromBeginning(Topic.DEAD_LETTER);
    List<Integer> partitions =
        records.assignment().stream().map(TopicPartition::partition).toList();
    try {
      new LogReader(() -> records) // closes the consumer
          .read(
              log.config().topic(Topic.DEAD_LETTER),
              partitions,
              from == null ? Instant.EPOCH : from,
              record -> {
                DeadLetter letter = new DeadLetter(record);
                if (matches(letter, log.config().topicPrefix())) {
                  each.accept(letter);
                }
              });
    } catch (KafkaException e) {
      throw log.failed("read the dead letters", e);
    }
  }

  boolean matches(DeadLetter letter, String topicPrefix) {
    return (topic == null || letter.originTopic().equals(topicPrefix + topic))
        && (reason == null
            || letter.error().toLowerCase(Locale.ROOT).contains(reason.toLowerCase(Locale.ROOT)))
        && (from == null || !letter.at().isBefore(from))
        && (to == null || !letter.at().isAfter(to));
  }
}
