/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.kafka.RecordSize;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/**
 * Counts the bytes of the requests in flight. A bound on the number of records would not suffice,
 * because one that is not a valid event may be as large as the broker accepts. Reading stops while
 * the limit is reached; one poll may exceed it. Thread-safe.
 */
final class InFlightBytes {
  /** About 4000 requests of the usual size. */
  static final long MOST = 16L << 20;

  /** Counted for each record besides its content, because even a small one takes a thread. */
  private static final int OVERHEAD = 4096;

  private final AtomicLong bytes = new AtomicLong();

  /**
   * Whether reading should stop.
   *
   * @param diverted the bytes of diverted records, which share the limit
   */
  boolean isFull(long diverted) {
    return bytes.get() + diverted >= MOST;
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
        bytes.addAndGet(most - size);
        size = most;
      }
    }
  }

  /** The memory that a record takes, in bytes. */
  static long sizeOf(ConsumerRecord<byte[], byte[]> record) {
    return OVERHEAD + RecordSize.of(record);
  }
}
