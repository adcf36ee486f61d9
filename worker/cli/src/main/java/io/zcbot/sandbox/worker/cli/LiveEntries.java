/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.util.Collection;
import java.util.Comparator;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/** Reads the sandboxes of all hosts from the live table. */
final class LiveEntries {
  private LiveEntries() {}

  /** Returns all entries, by container id. */
  static Map<String, LiveSandbox> all(RangeReader reader) {
    return read(reader, reader.partitions(Topic.LIVE));
  }

  /** Returns the entry of a user's newest sandbox; null if there is none. */
  static @Nullable LiveSandbox of(KafkaLog log, UserId user) throws CommandException {
    try (RangeReader reader = log.ranges(Topic.LIVE)) {
      return of(reader, user);
    } catch (KafkaException e) {
      throw log.failed("read the live table", e);
    }
  }

  /** Returns the entry of a user's newest sandbox, with a reader that has the live topic. */
  static @Nullable LiveSandbox of(RangeReader reader, UserId user) {
    return read(reader, reader.partitions(user, Topic.LIVE)).values().stream()
        .filter(entry -> entry.userId().equals(user))
        .max(Comparator.comparing(LiveSandbox::openedAt))
        .orElse(null);
  }

  private static Map<String, LiveSandbox> read(
      RangeReader reader, Collection<TopicPartition> wanted) {
    Set<Integer> partitions =
        wanted.stream().map(TopicPartition::partition).collect(Collectors.toSet());
    return reader.sandboxes(Long.MAX_VALUE).live(partitions, Map.of(), true).others().stream()
        .collect(Collectors.toMap(LiveSandbox::containerId, entry -> entry, (one, _) -> one));
  }
}
