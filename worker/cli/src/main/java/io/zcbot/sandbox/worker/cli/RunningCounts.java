/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.kafka.CommandTableReader;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.common.TopicPartition;

/** Counts from the command table the commands that are not answered yet. */
final class RunningCounts {
  /** Room for some 300,000 commands. */
  private static final long MOST_BYTES = 256L << 20;

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
    KeyPartitions all = new KeyPartitions(reader.partitions(Topic.COMMANDS).size());
    Map<UserId, Integer> counts = new HashMap<>();
    new CommandTableReader(reader.log(), reader.topicPrefix(), all, MOST_BYTES)
        .entries(partitions).stream()
            .filter(entry -> !entry.answered())
            .forEach(entry -> counts.merge(entry.userId(), 1, Integer::sum));
    return counts;
  }
}
