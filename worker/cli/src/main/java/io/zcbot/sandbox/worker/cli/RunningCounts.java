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
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;

/** Counts from the command table the commands that are not answered yet. */
final class RunningCounts {
  private static final EventCodec CODEC = new EventCodec();

  private RunningCounts() {}

  /** Returns the counts by user; users without commands are left out. */
  static Map<UserId, Integer> counts(RangeReader reader) {
    return read(reader, reader.partitions(Topic.COMMANDS));
  }

  /** Returns the count of one user, with a reader that has that topic. */
  static int count(RangeReader reader, UserId user) {
    return read(reader, reader.partitions(user, Topic.COMMANDS)).getOrDefault(user, 0);
  }

  private static Map<UserId, Integer> read(RangeReader reader, Collection<TopicPartition> wanted) {
    Set<Integer> partitions =
        wanted.stream().map(TopicPartition::partition).collect(Collectors.toSet());
    Map<String, UserId> running = new HashMap<>();
    reader
        .log()
        .read(
            Topic.COMMANDS.named(reader.topicPrefix()),
            partitions,
            Instant.EPOCH,
            record -> take(record, running));
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
      // not written by a worker
    }
  }
}
