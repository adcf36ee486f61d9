/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import java.util.function.LongSupplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;

/** Reads a range of partitions once, on the calling thread, with a consumer that others create. */
public final class RangeRead {
  private static final Duration POLL = Duration.ofMillis(100);
  private static final Duration CALL_TIMEOUT = Duration.ofSeconds(10);
  private static final Duration STALLED = Duration.ofSeconds(30);

  private final Consumer<byte[], byte[]> consumer;
  private final LogRange range;
  private long bytes = Long.MAX_VALUE;
  private BooleanSupplier isWanted = () -> true;
  private LongSupplier nanos = System::nanoTime;

  /** Creates a read that has not begun. It assigns the consumer the partitions of the range. */
  public RangeRead(Consumer<byte[], byte[]> consumer, LogRange range) {
    this.consumer = consumer;
    this.range = range;
  }

  /** Ends the read after about so many bytes of values. */
  public RangeRead atMost(long most) {
    bytes = most;
    return this;
  }

  /** Ends the read before the next poll once this is false. */
  public RangeRead whileWanted(BooleanSupplier wanted) {
    isWanted = wanted;
    return this;
  }

  /** Measures time by another clock than {@link System#nanoTime}. */
  public RangeRead timedBy(LongSupplier clock) {
    nanos = clock;
    return this;
  }

  /**
   * Reads to the ends. Records behind the ends may come with the last ones, and are passed as well.
   *
   * @param each is called for each record, in order within a partition
   * @return where the consumer is in partitions that were not read to their ends; empty if all were
   * @throws TimeoutException if nothing comes for 30 s
   */
  public Map<TopicPartition, Long> each(
      java.util.function.Consumer<ConsumerRecord<byte[], byte[]>> each) {
    consumer.assign(range.ends().keySet());
    range.starts().forEach(consumer::seek);
    long progressed = nanos.getAsLong();
    Map<TopicPartition, Long> unread = unread();
    for (long left = bytes; left > 0 && !unread.isEmpty() && isWanted.getAsBoolean(); ) {
      ConsumerRecords<byte[], byte[]> records = consumer.poll(POLL);
      for (ConsumerRecord<byte[], byte[]> record : records) {
        left -= Math.max(0, record.serializedValueSize());
        each.accept(record);
      }
      Map<TopicPartition, Long> before = unread;
      unread = unread();
      long now = nanos.getAsLong();
      // Not what comes of partitions that are read: others may be waited for in vain meanwhile.
      if (!unread.equals(before)) {
        progressed = now;
      } else if (now - progressed > STALLED.toNanos()) {
        throw new TimeoutException(
            "nothing was read of %s for %s".formatted(unread.keySet(), STALLED));
      }
    }
    return unread;
  }

  private Map<TopicPartition, Long> unread() {
    Map<TopicPartition, Long> unread = new HashMap<>();
    for (TopicPartition partition : range.ends().keySet()) {
      long position = consumer.position(partition, CALL_TIMEOUT);
      if (position < Objects.requireNonNull(range.ends().get(partition))) {
        unread.put(partition, position);
      }
    }
    return unread;
  }
}
