/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.EventFormatException;
import java.util.List;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** For tests in which every record is valid and in the right partition. */
final class NoForwarding implements RecordForwarding {
  @Override
  public int forward(List<ConsumerRecord<byte[], byte[]>> records, int partition) {
    throw new AssertionError("nothing lies elsewhere");
  }

  @Override
  public void deadLetter(ConsumerRecord<byte[], byte[]> record, EventFormatException why) {
    throw new AssertionError(why);
  }
}
