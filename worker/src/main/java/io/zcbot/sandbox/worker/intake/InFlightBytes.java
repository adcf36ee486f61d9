/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;

/**
 * Counts the bytes of the records in flight. A bound on their number would not suffice, because a
 * record that is not a valid event may be as large as the broker accepts. Reading stops while the
 * limit is reached; one poll may exceed it. Thread-safe.
 */
final class InFlightBytes {
  /** Counted for each record besides its content, because even a small one takes a thread. */
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
   * Counts a request that waits for its turn, whose record is not kept.
   *
   * @param content the size of what the request brought, in bytes
   */
  Held hold(long content) {
    Held held = new Held(OVERHEAD + content);
    bytes.addAndGet(held.size);
    return held;
  }

  /** The bytes that a request takes. */
  final class Held {
    private long size;

    private Held(long size) {
      this.size = size;
    }

    /** The request keeps at most this much content from now on. */
    void shrinkTo(long content) {
      atMost(OVERHEAD + content);
    }

    /** The request does not wait any more; may be called more than once. */
    void release() {
      atMost(0);
    }

    private synchronized void atMost(long most) {
      if (size > most) {
        remove(size - most);
        size = most;
      }
    }
  }

  /**
   * Counts a record.
   *
   * @return the size to {@link #remove} once nothing refers to the record any more
   */
  long add(ConsumerRecord<byte[], byte[]> record) {
    long size = sizeOf(record);
    bytes.addAndGet(size);
    return size;
  }

  /** The memory that a record takes, in bytes. */
  static long sizeOf(ConsumerRecord<byte[], byte[]> record) {
    long size = OVERHEAD;
    size += length(record.key());
    size += length(record.value());
    for (Header header : record.headers()) {
      size += header.key().length();
      size += length(header.value());
    }
    return size;
  }

  void remove(long size) {
    bytes.addAndGet(-size);
  }

  private static int length(byte @Nullable [] part) {
    return part == null ? 0 : part.length;
  }
}
