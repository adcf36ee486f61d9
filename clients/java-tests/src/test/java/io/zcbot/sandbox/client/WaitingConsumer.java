/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.time.Duration;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.MockConsumer;

/**
 * A consumer of no broker that waits where there is nothing to read, as Kafka's does. A thread that
 * polls the plain one takes a whole processor from all other tests.
 */
class WaitingConsumer extends MockConsumer<byte[], byte[]> {
  WaitingConsumer() {
    super("none");
  }

  /** Waits without the lock, which tests need to add records. */
  @Override
  public ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
    ConsumerRecords<byte[], byte[]> records = super.poll(timeout);
    if (records.isEmpty()) {
      LockSupport.parkNanos(Math.min(timeout.toNanos(), 1_000_000));
    }
    return records;
  }
}
