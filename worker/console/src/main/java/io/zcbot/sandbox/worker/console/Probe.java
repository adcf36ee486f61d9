/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import java.time.Duration;
import java.util.Map;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.common.TopicPartition;

/** The ends of partitions at a time. Once they are reached, everything until then is known. */
record Probe(long at, Map<TopicPartition, Long> ends) {
  /**
   * The number of records before these ends that a consumer has not read yet.
   *
   * @param limit longest wait for one answer from Kafka
   */
  long behind(Consumer<byte[], byte[]> consumer, Duration limit) {
    long behind = 0;
    for (Map.Entry<TopicPartition, Long> end : ends.entrySet()) {
      behind += Math.max(0, end.getValue() - consumer.position(end.getKey(), limit));
    }
    return behind;
  }
}
