/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.kafka.ForwardedFrom;
import io.zcbot.sandbox.worker.kafka.RecordSize;
import java.nio.charset.StandardCharsets;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.jspecify.annotations.Nullable;

/** Parses records of any of the topics. */
final class Records {
  private static final EventCodec CODEC = new EventCodec();

  /** Estimated memory of a record, and of each of its headers, besides their bytes. */
  private static final int OVERHEAD = 200;

  private Records() {}

  /**
   * A record, as far as it could be parsed.
   *
   * @param event null if the record is not an event: a dead letter, or an invalid record
   * @param problem why it is not an event; null if it is
   */
  record Read(Topic topic, @Nullable SandboxEvent event, @Nullable String problem) {}

  static Read event(ConsumerRecord<byte[], byte[]> record, String topicPrefix) {
    Topic topic = topic(record, topicPrefix);
    if (topic == Topic.DEAD_LETTER) {
      String error = header(record, "zcbot_error");
      return new Read(topic, null, error == null ? "of unknown cause" : error);
    }
    try {
      Origin origin = ForwardedFrom.originOf(record, topic);
      return new Read(topic, CODEC.decode(topic, record.key(), record.value(), origin), null);
    } catch (EventFormatException e) {
      return new Read(topic, null, "not an event: " + e.getMessage());
    }
  }

  /**
   * Checks that workers will accept an event. Nobody answers a record that is not valid.
   *
   * @param otherwise what would happen to it, for the message
   * @throws CommandException if workers would not accept it
   */
  static void check(SandboxEvent event, String otherwise) throws CommandException {
    try {
      Origin origin = new Origin(event.topic().named(""), 0, 0, event.at());
      var _ = CODEC.decode(event.topic(), CODEC.key(event), CODEC.encode(event), origin);
    } catch (EventFormatException e) {
      throw new CommandException(ExitCode.USAGE, otherwise + ": " + e.getMessage(), e);
    }
  }

  static @Nullable String header(ConsumerRecord<byte[], byte[]> record, String name) {
    Header header = record.headers().lastHeader(name);
    return header == null || header.value() == null
        ? null
        : new String(header.value(), StandardCharsets.UTF_8);
  }

  /** Returns the key as text, also if it is not UTF-8; empty if there is none. */
  static String key(ConsumerRecord<byte[], byte[]> record) {
    return record.key() == null ? "" : new String(record.key(), StandardCharsets.UTF_8);
  }

  /** Estimates the memory of a record, in bytes. */
  static long memory(ConsumerRecord<byte[], byte[]> record) {
    return OVERHEAD + RecordSize.of(record);
  }

  private static Topic topic(ConsumerRecord<byte[], byte[]> record, String topicPrefix) {
    for (Topic topic : Topic.values()) {
      if (topic.named(topicPrefix).equals(record.topic())) {
        return topic;
      }
    }
    throw new IllegalArgumentException("a record of an unknown topic: " + record.topic());
  }
}
