/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.kafka.LogReader;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;

/** Reads from the command table how many commands run, or have no answer yet. */
final class RunningCommands {
  private static final EventCodec CODEC = new EventCodec();

  private RunningCommands() {}

  /** By user; users without commands are left out. */
  static Map<UserId, Integer> counts(KafkaLog log) throws CommandException {
    return read(log, all -> all);
  }

  /** Of one user. */
  static int count(KafkaLog log, UserId user) throws CommandException {
    return read(log, all -> UserPartitions.of(user, all)).getOrDefault(user, 0);
  }

  private static Map<UserId, Integer> read(
      KafkaLog log, UnaryOperator<Collection<TopicPartition>> wanted) throws CommandException {
    Consumer<byte[], byte[]> records = log.fromBeginning(Topic.COMMANDS);
    Set<Integer> partitions =
        wanted.apply(records.assignment()).stream()
            .map(TopicPartition::partition)
            .collect(Collectors.toSet());
    Map<String, UserId> running = new HashMap<>();
    try {
      new LogReader(() -> records) // closes it
          .read(
              Topic.COMMANDS.named(log.config().topicPrefix()),
              partitions,
              Instant.EPOCH,
              record -> take(record, running));
    } catch (KafkaException e) {
      throw log.failed("read the command table", e);
    }
    Map<UserId, Integer> counts = new HashMap<>();
    running.values().forEach(user -> counts.merge(user, 1, Integer::sum));
    return counts;
  }

  private static void take(ConsumerRecord<byte[], byte[]> record, Map<String, UserId> running) {
    var _ = running.remove(Records.key(record));
    try {
      if (record.value() != null) {
        CommandEntry entry = CODEC.decodeCommand(record.value());
        if (!entry.answered()) {
          running.put(Records.key(record), entry.userId());
        }
      }
    } catch (EventFormatException _) {
      // No worker wrote that.
    }
  }
}
