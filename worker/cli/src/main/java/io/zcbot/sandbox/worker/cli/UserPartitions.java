/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.kafka.common.TopicPartition;

/** Finds the partitions with the records of one user. */
final class UserPartitions {
  private UserPartitions() {}

  /**
   * Returns the user's partition of each topic. A record in another partition is not found there,
   * but the worker that reads it forwards it to this one.
   *
   * @param all all partitions of the topics
   */
  static List<TopicPartition> of(UserId user, Collection<TopicPartition> all) {
    Map<String, Long> counts =
        all.stream().collect(Collectors.groupingBy(TopicPartition::topic, Collectors.counting()));
    return all.stream()
        .filter(
            p ->
                p.partition()
                    == new KeyPartitions(counts.getOrDefault(p.topic(), 1L).intValue()).of(user))
        .toList();
  }
}
