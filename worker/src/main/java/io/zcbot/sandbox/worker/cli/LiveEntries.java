/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.kafka.KafkaSandboxLog;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.kafka.LogReader;
import java.util.Collection;
import java.util.Comparator;
import java.util.Map;
import java.util.Set;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/** Reads the sandboxes of all hosts from the live table. */
final class LiveEntries {
  private LiveEntries() {}

  /** All entries, by container. */
  static Map<String, LiveSandbox> read(KafkaLog log) throws CommandException {
    return read(log, all -> all);
  }

  /** The entry of a user's newest sandbox; null without one. */
  static @Nullable LiveSandbox of(KafkaLog log, UserId user) throws CommandException {
    return read(log, all -> UserPartitions.of(user, all)).values().stream()
        .filter(entry -> entry.userId().equals(user))
        .max(Comparator.comparing(LiveSandbox::openedAt))
        .orElse(null);
  }

  private static Map<String, LiveSandbox> read(
      KafkaLog log, UnaryOperator<Collection<TopicPartition>> wanted) throws CommandException {
    Consumer<byte[], byte[]> records = log.fromBeginning(Topic.LIVE);
    int count = records.assignment().size();
    Set<Integer> partitions =
        wanted.apply(records.assignment()).stream()
            .map(TopicPartition::partition)
            .collect(Collectors.toSet());
    try {
      return new KafkaSandboxLog(
              new LogReader(() -> records), // closes it
              log.config().topicPrefix(),
              new KeyPartitions(count),
              Long.MAX_VALUE)
          .live(partitions, Map.of(), true).others().stream()
              .collect(Collectors.toMap(LiveSandbox::containerId, entry -> entry, (one, _) -> one));
    } catch (KafkaException e) {
      throw log.failed("read the live table", e);
    }
  }
}
