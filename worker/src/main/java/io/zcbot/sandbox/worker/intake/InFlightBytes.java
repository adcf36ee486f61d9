/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;

/**
 * The size in bytes of the records in flight. Their number is not a sufficient bound, because a
 * record that is not a valid event may be as large as the broker accepts. Reading stops while the
 * limit is reached; one poll may exceed it.
 */
final class InFlightBytes {
  /** Counted for each record besides what is in it: small ones take threads. */
  private static final int OVERHEAD = 4096;

  private final long most;
  private final AtomicLong bytes = new AtomicLong();

  InFlightBytes(long most) {
    this.most = most;
  }

  boolean isFull() {
    return bytes.get() >= most;
  }

  /**
   * Counts a record. What this returns is to be removed once nothing refers to the record any more.
   */
  long add(ConsumerRecord<byte[], byte[]> record) {
    long size = OVERHEAD;
    size += length(record.key());
    size += length(record.value());
    for (Header header : record.headers()) {
      size += header.key().length();
      size += length(header.value());
    }
    bytes.addAndGet(size);
    return size;
  }

  void remove(long size) {
    bytes.addAndGet(-size);
  }

  private static int length(byte[] part) {
    return part == null ? 0 : part.length;
  }
}
