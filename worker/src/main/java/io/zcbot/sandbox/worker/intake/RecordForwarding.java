/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.EventFormatException;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * Publishes records that this worker does not process itself. Both methods return once all is
 * acknowledged.
 */
public interface RecordForwarding {
  /** Puts a record that is no event into the dead-letter topic, with its bytes as they were. */
  void deadLetter(ConsumerRecord<byte[], byte[]> record, EventFormatException why)
      throws InterruptedException;

  /**
   * Publishes records of one topic and key again, in the partition that their key belongs to and in
   * their order: with their bytes, headers and time as they were, and a header that tells where
   * they came from.
   *
   * @return how many are too large for that and are in the dead-letter topic instead
   */
  int forward(List<ConsumerRecord<byte[], byte[]>> records, int partition)
      throws InterruptedException;
}
