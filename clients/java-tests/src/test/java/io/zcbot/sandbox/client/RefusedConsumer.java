/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.time.Duration;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TopicAuthorizationException;

/** A consumer that may not read a topic: like Kafka's, it finds that out when it polls. */
class RefusedConsumer extends WaitingConsumer {
  /** The name of the topic; empty if there is none. */
  volatile String refused = "";

  @Override
  public ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
    for (TopicPartition partition : assignment()) {
      if (partition.topic().equals(refused) && !paused().contains(partition)) {
        throw new TopicAuthorizationException(Set.of(refused));
      }
    }
    return super.poll(timeout);
  }
}
