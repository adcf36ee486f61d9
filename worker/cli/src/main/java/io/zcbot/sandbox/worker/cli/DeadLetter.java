/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.publish.DeadLetterHeaders;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Headers;
import org.jspecify.annotations.Nullable;

/** A record that was not a valid event, as the dead-letter topic keeps it. */
record DeadLetter(ConsumerRecord<byte[], byte[]> record) {
  /** The id on the command line: partition and offset in the dead-letter topic. */
  String id() {
    return record.partition() + "-" + record.offset();
  }

  /** When the dead letter was written. */
  Instant at() {
    return Instant.ofEpochMilli(record.timestamp());
  }

  /** Why the record was not a valid event. */
  String error() {
    String error = Records.header(record, DeadLetterHeaders.ERROR);
    return error == null ? "of unknown cause" : error;
  }

  /** The topic, partition and offset of the original record. */
  String origin() {
    return originTopic()
        + "-"
        + header(DeadLetterHeaders.PARTITION)
        + "-"
        + header(DeadLetterHeaders.OFFSET);
  }

  String originTopic() {
    return header(DeadLetterHeaders.TOPIC);
  }

  /** When the original record was appended; null if an older worker wrote the dead letter. */
  @Nullable Instant originTime() {
    Long millis = number(DeadLetterHeaders.TIMESTAMP);
    return millis == null ? null : Instant.ofEpochMilli(millis);
  }

  private String header(String name) {
    String value = Records.header(record, name);
    return value == null ? "?" : value;
  }

  private @Nullable Long number(String header) {
    String text = Records.header(record, header);
    try {
      return text == null ? null : Long.valueOf(text);
    } catch (NumberFormatException _) {
      return null;
    }
  }

  boolean isTruncated() {
    return Records.header(record, DeadLetterHeaders.TRUNCATED) != null;
  }

  /** How often the record was redriven. */
  long redriven() {
    Long times = number(DeadLetterHeaders.REDRIVEN);
    return times == null ? 0 : Math.max(0, times);
  }

  /** The headers of the original record. */
  Headers originalHeaders() {
    return DeadLetterHeaders.original(record.headers());
  }

  /**
   * Recreates the original record, with the count of redrives raised by one.
   *
   * @return null if the dead letter is truncated, or its origin is not an input topic of the
   *     workers
   */
  @Nullable ProducerRecord<byte[], byte[]> redrive(String topicPrefix) {
    Topic topic = null;
    for (Topic each : Topic.values()) {
      if (each.isInput() && each.named(topicPrefix).equals(originTopic())) {
        topic = each;
      }
    }
    if (topic == null || isTruncated()) {
      return null;
    }
    Headers headers = originalHeaders();
    headers.remove(DeadLetterHeaders.REDRIVEN);
    headers.add(
        DeadLetterHeaders.REDRIVEN, Long.toString(redriven() + 1).getBytes(StandardCharsets.UTF_8));
    return new ProducerRecord<>(originTopic(), null, record.key(), record.value(), headers);
  }
}
