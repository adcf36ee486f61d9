/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.jspecify.annotations.Nullable;

/** The memory of a record's key, value and headers, in bytes. */
public final class RecordSize {
  /** The memory of a header besides its content: three objects, and its references. */
  static final int HEADER = 150;

  private RecordSize() {}

  /** The size of a record that was read. */
  public static long of(ConsumerRecord<byte[], byte[]> record) {
    return of(record.key(), record.value(), record.headers());
  }

  /** The size of a record that is to be written. */
  public static long of(ProducerRecord<byte[], byte[]> record) {
    return of(record.key(), record.value(), record.headers());
  }

  /** The size of a record's headers. */
  public static long of(Headers headers) {
    long size = 0;
    for (Header header : headers) {
      size += HEADER + header.key().length() + length(header.value());
    }
    return size;
  }

  private static long of(byte @Nullable [] key, byte @Nullable [] value, Headers headers) {
    return length(key) + length(value) + of(headers);
  }

  private static long length(byte @Nullable [] part) {
    return part == null ? 0 : part.length;
  }
}
