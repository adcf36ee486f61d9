/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.EventFormatException;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * Publishes records that this worker does not process itself. Both methods return once the record
 * is acknowledged.
 */
public interface RecordForwarding {
  /** Puts a record that is no event into the dead-letter topic, with its bytes as they were. */
  void deadLetter(ConsumerRecord<byte[], byte[]> record, EventFormatException why)
      throws InterruptedException;

  /**
   * Publishes a record again, in the partition that its key belongs to: with its bytes, headers and
   * time as they were, and a header that tells where it came from.
   */
  void forward(ConsumerRecord<byte[], byte[]> record, int partition) throws InterruptedException;
}
