/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;

/**
 * The partitions of the topics.
 *
 * @param led those that have a leader, and can be read
 * @param leaderless those that have none
 */
record Partitions(List<TopicPartition> led, List<TopicPartition> leaderless) {
  static Partitions of(Collection<PartitionInfo> found) {
    Partitions all = new Partitions(new ArrayList<>(), new ArrayList<>());
    for (PartitionInfo each : found) {
      (each.leader() == null ? all.leaderless : all.led)
          .add(new TopicPartition(each.topic(), each.partition()));
    }
    return all;
  }

  Stream<TopicPartition> all() {
    return Stream.concat(led.stream(), leaderless.stream());
  }

  /** Whether these are what is read already. What has lost its leader is read on. */
  boolean areRead(Set<TopicPartition> read) {
    Set<TopicPartition> readable = new HashSet<>(read);
    leaderless.forEach(readable::remove);
    return readable.equals(Set.copyOf(led));
  }

  /** Says what can't be read; empty if all can. */
  String problem() {
    return leaderless.isEmpty()
        ? ""
        : ShownText.message("left out until they have a leader: " + leaderless);
  }
}
