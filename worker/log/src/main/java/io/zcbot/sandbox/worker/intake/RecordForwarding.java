/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.EventFormatException;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * Publishes records that this worker does not process itself. Both methods block until the log has
 * acknowledged everything.
 */
public interface RecordForwarding {
  /** Writes a record that is not a valid event to the dead-letter topic, with unchanged bytes. */
  void deadLetter(ConsumerRecord<byte[], byte[]> record, EventFormatException why)
      throws InterruptedException;

  /**
   * Publishes records of one topic again, in the partition that their keys belong to and in their
   * order: with their bytes, headers and time unchanged, and a header that names their origin.
   *
   * @return how many of them are too large for that and went to the dead-letter topic
   */
  int forward(List<ConsumerRecord<byte[], byte[]>> records, int partition)
      throws InterruptedException;
}
