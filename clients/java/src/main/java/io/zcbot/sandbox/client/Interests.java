/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.LongSupplier;
import org.apache.kafka.common.TopicPartition;

/**
 * Which partitions must be read: those of the users for whom somebody waits, and for a while those
 * of earlier users, because most users come again. Not safe for concurrent use.
 */
final class Interests {
  static final Duration LINGER = Duration.ofSeconds(60);

  private final PartitionMap map;
  private final LongSupplier clock;
  private final Map<Interest, Integer> interests = new HashMap<>();
  private final Map<TopicPartition, Integer> needed = new HashMap<>();

  /** The partitions that are read, and when each was last needed. */
  private final Map<TopicPartition, Long> read = new HashMap<>();

  private record Interest(UserId user, Topic topic) {}

  Interests(PartitionMap map, LongSupplier clock) {
    this.map = map;
    this.clock = clock;
  }

  void add(UserId user, Collection<Topic> topics) {
    for (Topic topic : topics) {
      interests.merge(new Interest(user, topic), 1, Integer::sum);
      if (map.isCounted(topic)) {
        need(user, topic, 1);
      }
    }
  }

  void remove(UserId user, Collection<Topic> topics) {
    for (Topic topic : topics) {
      interests.computeIfPresent(new Interest(user, topic), (i, n) -> n == 1 ? null : n - 1);
      if (map.isCounted(topic)) {
        for (TopicPartition partition : map.of(user, topic)) {
          needed.computeIfPresent(partition, (p, n) -> n == 1 ? null : n - 1);
          read.computeIfPresent(partition, (p, then) -> clock.getAsLong());
        }
      }
    }
  }

  private void need(UserId user, Topic topic, int count) {
    map.of(user, topic).forEach(partition -> needed.merge(partition, count, Integer::sum));
  }

  boolean isEmpty() {
    return interests.isEmpty() && read.isEmpty();
  }

  /** Whether all partitions for a user are read. */
  boolean isRead(UserId user, Collection<Topic> topics) {
    for (Topic topic : topics) {
      if (!map.isCounted(topic) || !read.keySet().containsAll(map.of(user, topic))) {
        return false;
      }
    }
    return true;
  }

  /** Returns the topics for which somebody waits. */
  Set<String> topics() {
    Set<String> topics = new HashSet<>();
    interests.keySet().forEach(interest -> topics.add(map.nameOf(interest.topic())));
    return topics;
  }

  /** Returns the topics whose partitions must be counted. */
  Set<String> uncounted() {
    Set<String> topics = topics();
    topics.removeAll(map.counted());
    return topics;
  }

  Set<String> counted() {
    return map.counted();
  }

  /**
   * Sets a topic's partition count.
   *
   * @return whether it was another one before, so that users are in other partitions now
   */
  boolean count(String topic, int partitions) {
    boolean isKnown = map.counted().contains(topic);
    boolean isOther = map.count(topic, partitions);
    if (!isKnown || isOther) {
      // answers may still come where they were needed until now
      long now = clock.getAsLong();
      read.replaceAll(
          (partition, then) -> needed.containsKey(partition) ? Long.valueOf(now) : then);
      needed.clear();
      interests.forEach(
          (interest, count) -> {
            if (map.isCounted(interest.topic())) {
              need(interest.user(), interest.topic(), count);
            }
          });
    }
    return isOther;
  }

  /** Returns the partitions that are needed and not read yet. */
  Set<TopicPartition> missing() {
    Set<TopicPartition> missing = new HashSet<>(needed.keySet());
    missing.removeAll(read.keySet());
    return missing;
  }

  /** Drops the partitions that nobody has needed for a while. Returns whether there were any. */
  boolean forget() {
    long now = clock.getAsLong();
    return read.entrySet()
        .removeIf(
            each -> !needed.containsKey(each.getKey()) && now - each.getValue() > LINGER.toNanos());
  }

  Set<TopicPartition> read() {
    return Set.copyOf(read.keySet());
  }

  void read(Collection<TopicPartition> partitions) {
    partitions.forEach(partition -> read.put(partition, clock.getAsLong()));
  }
}
