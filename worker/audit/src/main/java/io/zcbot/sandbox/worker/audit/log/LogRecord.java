/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.log;

import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.kafka.ForwardedFrom;
import java.time.Instant;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;

/** A raw record of one of the topics. */
public record LogRecord(Topic topic, ConsumerRecord<byte[], byte[]> raw) {
  /** Latest record time that a date can be made of, and no sum overflows with. */
  static final long LATEST = Instant.parse("9999-12-31T23:59:59Z").toEpochMilli();

  private static final Topic[] HISTORY = Topic.history();
  private static final int HASHED_KEY_BYTES = 256;

  /** About what the objects of a record and of a header take beside their content. */
  private static final long RECORD_BYTES = 200;

  private static final long HEADER_BYTES = 100;

  /** Finds the topic by its name; null for a topic that is not part of the contract. */
  public static @Nullable Topic topic(String name, String topicPrefix) {
    for (Topic topic : HISTORY) {
      if (name.length() == topicPrefix.length() + topic.named("").length()
          && name.startsWith(topicPrefix)
          && name.endsWith(topic.named(""))) {
        return topic;
      }
    }
    return null;
  }

  /** Where it lies. */
  public RecordPosition position() {
    return new RecordPosition(topic, raw.partition(), raw.offset());
  }

  /** The record's time in milliseconds since 1970. */
  public long time() {
    return Math.min(raw.timestamp(), LATEST);
  }

  /** About how much memory it takes: its key, its value, its headers and their objects. */
  public long bytes() {
    return bytes(raw);
  }

  static long bytes(ConsumerRecord<byte[], byte[]> record) {
    long bytes = RECORD_BYTES + length(record.key()) + length(record.value());
    for (Header header : record.headers()) {
      bytes += HEADER_BYTES + header.key().length() + length(header.value());
    }
    return bytes;
  }

  private static int length(byte @Nullable [] bytes) {
    return bytes == null ? 0 : bytes.length;
  }

  /** The origin that its id and its expiry derive from. */
  public Origin origin() {
    return ForwardedFrom.originOf(raw, topic);
  }

  /** Whether it is a copy that the worker of another partition wrote. */
  public boolean isForwarded() {
    return ForwardedFrom.isIn(raw);
  }

  /** Records of one key fall to one of {@code shards}; a dead letter keeps its record's key. */
  public int shard(int shards) {
    byte[] key = raw.key();
    if (key == null) {
      return 0;
    }
    int hash = 1;
    for (int i = 0; i < Math.min(key.length, HASHED_KEY_BYTES); i++) {
      hash = 31 * hash + key[i];
    }
    return Math.floorMod(hash ^ (hash >>> 16), shards);
  }
}
