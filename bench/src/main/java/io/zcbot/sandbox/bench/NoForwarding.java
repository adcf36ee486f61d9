/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.worker.intake.RecordForwarding;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** Where all records are valid and lie where they belong. */
final class NoForwarding implements RecordForwarding {
  @Override
  public void deadLetter(ConsumerRecord<byte[], byte[]> record, EventFormatException why) {
    throw new IllegalStateException(why);
  }

  @Override
  public int forward(List<ConsumerRecord<byte[], byte[]>> records, int partition) {
    throw new IllegalStateException("forwarded " + records);
  }
}
