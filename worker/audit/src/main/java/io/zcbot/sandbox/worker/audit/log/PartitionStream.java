/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.log;

import io.zcbot.sandbox.events.Topic;
import java.util.ArrayDeque;
import java.util.Deque;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;

/** One partition: what was read of it and not yet passed on. */
final class PartitionStream {
  final Topic topic;
  final TopicPartition partition;
  final long begin;
  final long end;
  private final Deque<ConsumerRecord<byte[], byte[]>> records = new ArrayDeque<>();
  private long bytes;
  long position;
  boolean isPaused;

  /**
   * Whether the broker deleted what was before the beginning, up to a time that is not noted yet.
   */
  boolean isCut;

  PartitionStream(Topic topic, TopicPartition partition, long position, long end) {
    this.topic = topic;
    this.partition = partition;
    this.begin = position;
    this.position = position;
    this.end = end;
  }

  boolean isRead() {
    return position >= end;
  }

  ConsumerRecord<byte[], byte[]> head() {
    return records.element();
  }

  void add(ConsumerRecord<byte[], byte[]> record) {
    records.add(record);
    bytes += LogRecord.bytes(record);
  }

  ConsumerRecord<byte[], byte[]> remove() {
    ConsumerRecord<byte[], byte[]> first = records.remove();
    bytes -= LogRecord.bytes(first);
    return first;
  }

  boolean isEmpty() {
    return records.isEmpty();
  }

  int size() {
    return records.size();
  }

  /** Of all its records. */
  long bytes() {
    return bytes;
  }
}
