/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import io.zcbot.sandbox.worker.kafka.HeaderLimit;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;

/**
 * The headers by which a dead letter describes its record, as text. The headers of Kafka's own dead
 * letters (KIP-1191) are included for tools that know them.
 */
public final class DeadLetterHeaders {
  public static final String ERROR = "zcbot_error";
  public static final String ERROR_FIELD = "zcbot_error_field";
  public static final String TOPIC = "zcbot_topic";
  public static final String PARTITION = "zcbot_partition";
  public static final String OFFSET = "zcbot_offset";

  /** When the record was appended, in milliseconds since 1970. */
  public static final String TIMESTAMP = "zcbot_timestamp";

  /** The group of the worker that refused the record. */
  public static final String GROUP = "zcbot_group";

  /** Present only if key, value or headers were cut. */
  public static final String TRUNCATED = HeaderLimit.TRUNCATED;

  /** How often an operator sent the record to its topic again. It belongs to the record itself. */
  public static final String REDRIVEN = "zcbot_redriven";

  private static final String KAFKA_MESSAGE = "__dlq.errors.message";
  private static final String KAFKA_TOPIC = "__dlq.errors.topic";
  private static final String KAFKA_PARTITION = "__dlq.errors.partition";
  private static final String KAFKA_OFFSET = "__dlq.errors.offset";
  private static final String KAFKA_GROUP = "__dlq.errors.group";

  private static final Set<String> ADDED =
      Set.of(
          ERROR,
          ERROR_FIELD,
          TOPIC,
          PARTITION,
          OFFSET,
          TIMESTAMP,
          GROUP,
          TRUNCATED,
          KAFKA_MESSAGE,
          KAFKA_TOPIC,
          KAFKA_PARTITION,
          KAFKA_OFFSET,
          KAFKA_GROUP);

  /** What is wrong with a record, and how to fix it. */
  record Reason(String field, String message) {}

  private DeadLetterHeaders() {}

  /** Adds the headers that describe a record, behind the record's own headers. */
  static void add(Headers to, ConsumerRecord<byte[], byte[]> record, Reason why, String group) {
    String partition = Integer.toString(record.partition());
    String offset = Long.toString(record.offset());
    add(to, ERROR_FIELD, why.field());
    add(to, ERROR, why.message());
    add(to, TOPIC, record.topic());
    add(to, PARTITION, partition);
    add(to, OFFSET, offset);
    add(to, TIMESTAMP, Long.toString(record.timestamp()));
    add(to, GROUP, group);
    add(to, KAFKA_MESSAGE, why.message());
    add(to, KAFKA_TOPIC, record.topic());
    add(to, KAFKA_PARTITION, partition);
    add(to, KAFKA_OFFSET, offset);
    add(to, KAFKA_GROUP, group);
  }

  static void add(Headers to, String name, String value) {
    to.add(name, value.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Returns the record's own headers. Only the last header of each name was added by the worker:
   * the record may have had such a header itself.
   */
  public static Headers original(Headers deadLetter) {
    Set<String> added = new HashSet<>(ADDED);
    RecordHeaders original = new RecordHeaders();
    for (Header header : List.of(deadLetter.toArray()).reversed()) {
      if (!added.remove(header.key())) {
        original.add(header);
      }
    }
    RecordHeaders inOrder = new RecordHeaders();
    List.of(original.toArray()).reversed().forEach(inOrder::add);
    return inOrder;
  }
}
