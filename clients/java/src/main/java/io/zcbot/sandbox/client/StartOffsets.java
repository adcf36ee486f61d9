/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;

/** Start offsets of partitions that may have been added since answers were requested. */
final class StartOffsets {
  /** Answers may have been written to a new partition before this client knew of it. */
  private static final Duration LOOK_BACK = Duration.ofMinutes(5);

  private StartOffsets() {}

  /**
   * Returns the offsets of the first records of the last minutes; the current ends of partitions
   * that have none.
   */
  static Map<TopicPartition, Long> of(
      Consumer<?, ?> consumer, Set<TopicPartition> partitions, Duration timeout) {
    Map<TopicPartition, Long> starts = new HashMap<>(consumer.endOffsets(partitions, timeout));
    long since = System.currentTimeMillis() - LOOK_BACK.toMillis();
    Map<TopicPartition, Long> times = new HashMap<>();
    partitions.forEach(partition -> times.put(partition, since));
    Map<TopicPartition, OffsetAndTimestamp> found = consumer.offsetsForTimes(times, timeout);
    found.forEach(
        (partition, offset) -> {
          if (offset != null) {
            starts.put(partition, offset.offset());
          }
        });
    return starts;
  }
}
