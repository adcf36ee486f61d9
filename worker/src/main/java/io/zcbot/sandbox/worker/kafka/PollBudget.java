/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import java.nio.ByteBuffer;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.Deserializer;
import org.jspecify.annotations.Nullable;

/**
 * The bytes that the records of one poll may take, as they are once decompressed. The client limits
 * a poll by the number of its records, and a fetch by what the broker stores: 200 records of 1 MB
 * can be one small batch.
 *
 * <p>It is the deserializer of keys and values. A record beyond the budget is refused, and the
 * client then returns the records before it. It keeps the one that was refused, and gives it to the
 * deserializer again in the next poll. The first record of a poll is never refused, whatever its
 * size. A record with neither a key nor a value is not seen here, and not counted.
 */
final class PollBudget implements Deserializer<byte[]> {
  private final long most;
  private long spent;
  private int records;

  /** Of the last record that was counted. A record's key and value come with the same ones. */
  private @Nullable Headers last;

  PollBudget(long most) {
    this.most = most;
  }

  /** A poll begins. */
  void renew() {
    spent = 0;
    records = 0;
    last = null;
  }

  @Override
  @SuppressWarnings("ReferenceEquality") // those of another record may be equal
  public byte[] deserialize(String topic, Headers headers, ByteBuffer data) {
    boolean isNew = headers != last;
    long more = data.remaining() + (isNew ? size(headers) : 0);
    boolean isFirst = records == 0 || (records == 1 && !isNew);
    if (!isFirst && spent + more > most) {
      throw new SerializationException("left for the next poll");
    }
    if (isNew) {
      records++;
      last = headers;
    }
    spent += more;
    byte[] bytes = new byte[data.remaining()];
    data.duplicate().get(bytes);
    return bytes;
  }

  private static long size(Headers headers) {
    long size = 0;
    for (Header header : headers) {
      size += header.key().length() + (header.value() == null ? 0 : header.value().length);
    }
    return size;
  }

  @Override
  public byte[] deserialize(String topic, byte[] data) {
    throw new UnsupportedOperationException("the consumer passes headers");
  }
}
