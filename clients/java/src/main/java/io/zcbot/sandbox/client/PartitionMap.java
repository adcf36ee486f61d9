/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.utils.Utils;
import org.jspecify.annotations.Nullable;

/** Maps a user's topics to the partitions with the answers. Not safe for concurrent use. */
final class PartitionMap {
  private final String prefix;
  private final @Nullable String replyTopic;
  private final Map<String, Integer> counts = new HashMap<>();

  PartitionMap(String prefix, @Nullable String replyTopic) {
    this.prefix = prefix;
    this.replyTopic = replyTopic;
  }

  /**
   * Returns the topic in which this client reads a kind of record: the reply topic if workers copy
   * the records there, otherwise the topic of all clients.
   */
  String nameOf(Topic topic) {
    return replyTopic != null && isCopied(topic) ? replyTopic : topic.named(prefix);
  }

  private static boolean isCopied(Topic topic) {
    return topic == Topic.READY
        || topic == Topic.FAILED
        || topic == Topic.OUTPUT
        || topic == Topic.EXITED;
  }

  /** Returns the topics whose partition count is known. */
  Set<String> counted() {
    return Set.copyOf(counts.keySet());
  }

  boolean isCounted(Topic topic) {
    return counts.containsKey(nameOf(topic));
  }

  /** Sets a topic's partition count. Returns whether it was another one before. */
  boolean count(String topic, int partitions) {
    Integer before = counts.put(topic, partitions);
    return before != null && before != partitions;
  }

  /** Returns the partitions of a user's records in a topic whose partition count is known. */
  Set<TopicPartition> of(UserId user, Topic topic) {
    String name = nameOf(topic);
    int count = Objects.requireNonNull(counts.get(name), "count it first");
    Set<TopicPartition> partitions = new HashSet<>();
    if (name.equals(replyTopic)) {
      for (int i = 0; i < count; i++) {
        partitions.add(new TopicPartition(name, i));
      }
    } else {
      byte[] key = user.toString().getBytes(StandardCharsets.US_ASCII);
      partitions.add(new TopicPartition(name, Utils.toPositive(Utils.murmur2(key)) % count));
    }
    return partitions;
  }
}
