/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
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

  /**
   * Whether to read these instead of what is read. Not while one of that has lost its leader: it
   * could not be read anew, and what is known of it would be lost.
   */
  boolean shouldReplace(Set<TopicPartition> read) {
    return Collections.disjoint(leaderless, read) && !read.equals(Set.copyOf(led));
  }

  /** Says what can't be read; empty if all can. */
  String problem() {
    return leaderless.isEmpty()
        ? ""
        : ShownText.message("left out until they have a leader: " + leaderless);
  }
}
