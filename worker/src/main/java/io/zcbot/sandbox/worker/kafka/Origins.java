/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import io.zcbot.sandbox.events.Origin;
import java.time.Instant;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** Where records lie in the log, in the words of the contract. */
public final class Origins {
  private Origins() {}

  /** Where a record lies, and when it was appended. */
  public static Origin of(ConsumerRecord<?, ?> record) {
    return new Origin(
        record.topic(),
        record.partition(),
        record.offset(),
        Instant.ofEpochMilli(record.timestamp()));
  }
}
