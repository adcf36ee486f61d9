/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import java.nio.ByteBuffer;
import org.apache.kafka.common.errors.SerializationException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.Deserializer;
import org.jspecify.annotations.Nullable;

/**
 * Limits the records of one poll by their decompressed size. The client limits a poll only by the
 * number of records, and a fetch by the stored size: 200 records of 1 MB can be one small batch.
 *
 * <p>It is the deserializer of keys and values. It refuses a record beyond the budget; the client
 * then returns the records before it, keeps the refused one, and gives it to the deserializer again
 * in the next poll. The first record of a poll is never refused, whatever its size. A record with
 * neither a key nor a value does not come here and is not counted. Confined to the polling thread.
 */
final class PollBudget implements Deserializer<byte[]> {
  private final long most;
  private long spent;
  private int records;

  /**
   * The headers of the last counted record. Key and value of a record come with the same object.
   */
  private @Nullable Headers last;

  PollBudget(long most) {
    this.most = most;
  }

  /** Begins a poll with the whole budget. */
  void renew() {
    spent = 0;
    records = 0;
    last = null;
  }

  @Override
  @SuppressWarnings("ReferenceEquality") // other records may have equal headers
  public byte[] deserialize(String topic, Headers headers, ByteBuffer data) {
    boolean isNew = headers != last;
    long more = data.remaining() + (isNew ? RecordSize.of(headers) : 0);
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

  @Override
  public byte[] deserialize(String topic, byte[] data) {
    throw new UnsupportedOperationException("the consumer passes headers");
  }
}
