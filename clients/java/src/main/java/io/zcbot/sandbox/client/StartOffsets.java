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

/**
 * Where the reading of partitions begins if they may have been added since answers were asked for.
 */
final class StartOffsets {
  /** Answers may have gone to a partition that was added before this client knew of it. */
  private static final Duration LOOK_BACK = Duration.ofMinutes(5);

  private StartOffsets() {}

  /** The first records of the last minutes; the present ends where there are none. */
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
