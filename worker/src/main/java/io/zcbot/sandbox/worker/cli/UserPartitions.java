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
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.TopicPartition;

/** Where the records of one user are. */
final class UserPartitions {
  private UserPartitions() {}

  /**
   * The user's partition of each topic. A record that somebody put into another one is forwarded by
   * the worker that reads it.
   *
   * @param all all partitions of some topics
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

  /** Goes on reading only some of the partitions that are read, from where it is. */
  static void keep(Collection<TopicPartition> wanted, Consumer<byte[], byte[]> reader) {
    List<TopicPartition> kept = List.copyOf(wanted);
    long[] positions = kept.stream().mapToLong(reader::position).toArray();
    reader.assign(kept);
    for (int i = 0; i < positions.length; i++) {
      reader.seek(kept.get(i), positions[i]);
    }
  }
}
