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

/** In which partitions the answers to a user's requests are. Not safe for concurrent use. */
final class PartitionMap {
  private final String prefix;
  private final @Nullable String replyTopic;
  private final Map<String, Integer> counts = new HashMap<>();

  PartitionMap(String prefix, @Nullable String replyTopic) {
    this.prefix = prefix;
    this.replyTopic = replyTopic;
  }

  /** The topic in which this client reads what is in a topic of all. */
  String nameOf(Topic topic) {
    return replyTopic != null && isCopied(topic) ? replyTopic : topic.named(prefix);
  }

  private static boolean isCopied(Topic topic) {
    return topic == Topic.READY
        || topic == Topic.FAILED
        || topic == Topic.OUTPUT
        || topic == Topic.EXITED;
  }

  /** The topics whose partitions are counted. */
  Set<String> counted() {
    return Set.copyOf(counts.keySet());
  }

  boolean isCounted(Topic topic) {
    return counts.containsKey(nameOf(topic));
  }

  /** Whether the topic had another number of partitions before. */
  boolean count(String topic, int partitions) {
    Integer before = counts.put(topic, partitions);
    return before != null && before != partitions;
  }

  /** The partitions of a user's records of a topic, which is counted. */
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
