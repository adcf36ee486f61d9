/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.SandboxEvent;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * Publishes records that this worker does not process itself. Both methods return once the record
 * is acknowledged.
 */
public interface RecordForwarding {
  /** Puts a record that is no event into the dead-letter topic, with its bytes as they were. */
  void deadLetter(ConsumerRecord<byte[], byte[]> record, EventFormatException why)
      throws InterruptedException;

  /** Publishes an event again, in the partition that its key belongs to. */
  void forward(SandboxEvent event, int partition) throws InterruptedException;
}
