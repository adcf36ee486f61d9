/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;

/**
 * How much of what was read is not done yet, in bytes: numbers of records bound nothing, since what
 * is no event may be as large as the log takes. Who reads stops while it is full; what one poll
 * brings comes on top.
 */
final class HeldBytes {
  /** Counted for each record besides what is in it: small ones take threads. */
  private static final int OVERHEAD = 4096;

  private final long most;
  private final AtomicLong held = new AtomicLong();

  HeldBytes(long most) {
    this.most = most;
  }

  boolean isFull() {
    return held.get() >= most;
  }

  /** Takes a record in. The result is to be released once nothing refers to it any more. */
  long hold(ConsumerRecord<byte[], byte[]> record) {
    long size = OVERHEAD;
    size += length(record.key());
    size += length(record.value());
    for (Header header : record.headers()) {
      size += header.key().length();
      size += length(header.value());
    }
    held.addAndGet(size);
    return size;
  }

  void release(long size) {
    held.addAndGet(-size);
  }

  private static int length(byte[] bytes) {
    return bytes == null ? 0 : bytes.length;
  }
}
