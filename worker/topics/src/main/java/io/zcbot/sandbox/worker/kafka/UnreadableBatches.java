/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import java.time.Duration;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.CorruptRecordException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Finds the batch that makes every poll of a consumer fail, and where the next one begins. Such a
 * batch is damaged on its leader's disk, or was sent so to a topic of compressed batches, of which
 * brokers do not check everything. It is tried again for some seconds, because another replica may
 * become the leader. For the polling thread.
 */
final class UnreadableBatches implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(UnreadableBatches.class);

  private static final Duration PATIENCE = Duration.ofSeconds(5);

  /** The longest search for the next batch before other partitions are read again. */
  private static final Duration LONGEST = Duration.ofMillis(500);

  private static final Duration CALL_TIMEOUT = Duration.ofSeconds(5);

  private final Consumer<byte[], byte[]> consumer;
  private final Runnable poll;
  private final Supplier<BatchReader> makesReader;
  private final Map<TopicPartition, Obstacle> obstacles = new HashMap<>();
  private @Nullable BatchReader reader;

  /**
   * A batch that can't be read.
   *
   * @param since when that was noticed
   * @param next the offset to look at next, to find its end
   */
  private record Obstacle(long offset, long since, long next) {}

  /**
   * Watches a consumer.
   *
   * @param poll polls it without waiting, and drops what it finds
   * @param makesReader makes a reader, once one is needed
   */
  UnreadableBatches(
      Consumer<byte[], byte[]> consumer, Runnable poll, Supplier<BatchReader> makesReader) {
    this.consumer = consumer;
    this.poll = poll;
    this.makesReader = makesReader;
  }

  /**
   * Called after a poll failed. Passes the batch that is the cause, once it was tried again for
   * long enough.
   *
   * @return no records, and where to read on if the batch was passed
   * @throws KafkaException {@code why}, if no batch is the cause
   */
  ConsumerRecords<byte[], byte[]> pass(KafkaException why) {
    if (isForBatch(why)) {
      Set<TopicPartition> read = new HashSet<>(consumer.assignment());
      read.removeAll(consumer.paused());
      for (Map.Entry<TopicPartition, Long> end :
          consumer.endOffsets(read, CALL_TIMEOUT).entrySet()) {
        long offset = consumer.position(end.getKey(), CALL_TIMEOUT);
        if (offset < end.getValue() && !isReadable(end.getKey(), offset)) {
          return pass(end.getKey(), offset, why);
        }
      }
    }
    throw why;
  }

  private ConsumerRecords<byte[], byte[]> pass(
      TopicPartition partition, long offset, KafkaException why) {
    long next = next(partition, offset, why);
    readOn(partition, next, offset);
    return next == offset || !consumer.assignment().contains(partition)
        ? ConsumerRecords.empty()
        : new ConsumerRecords<>(Map.of(), Map.of(partition, new OffsetAndMetadata(next)));
  }

  /** Where to read on: at the next batch, or at the same one, which is tried again. */
  private long next(TopicPartition partition, long offset, KafkaException why) {
    long now = System.nanoTime();
    Obstacle known = obstacles.get(partition);
    if (known == null || known.offset != offset) {
      log.warn("{} can't be read at offset {}; this is tried again", partition, offset, why);
      obstacles.put(partition, new Obstacle(offset, now, offset + 1));
      return offset;
    }
    if (now - known.since < PATIENCE.toNanos()) {
      return offset;
    }
    for (long at = known.next; System.nanoTime() - now < LONGEST.toNanos(); at++) {
      obstacles.put(partition, new Obstacle(offset, known.since, at));
      if (isReadable(partition, at)) {
        log.error(
            "passed the offsets {} to {} of {}, which can't be read: the requests in them are lost",
            offset,
            at - 1,
            partition);
        obstacles.remove(partition);
        return at;
      }
    }
    return offset;
  }

  private boolean isReadable(TopicPartition partition, long offset) {
    BatchReader existing = reader;
    if (existing == null) {
      existing = makesReader.get();
      reader = existing;
    }
    return existing.canRead(partition, offset);
  }

  /** Reads on from an offset. Kafka's consumer keeps what it fetched for the one it has reached. */
  private void readOn(TopicPartition partition, long offset, long reached) {
    try {
      if (offset == reached) {
        dropFetched(partition, offset + 1);
      }
    } finally {
      if (consumer.assignment().contains(partition)) {
        consumer.seek(partition, offset);
      }
    }
  }

  /** Polls this partition alone, at another offset. */
  private void dropFetched(TopicPartition partition, long other) {
    Set<TopicPartition> others = new HashSet<>(consumer.assignment());
    others.removeAll(consumer.paused());
    others.remove(partition);
    consumer.pause(others);
    consumer.seek(partition, other);
    try {
      poll.run();
    } catch (KafkaException e) {
      if (!isForBatch(e)) {
        throw e;
      }
      log.warn("{} can't be read at offset {} either", partition, other, e);
    } finally {
      others.retainAll(consumer.assignment());
      consumer.resume(others);
    }
  }

  /** Kafka's consumer has no class of its own for this failure. */
  static boolean isForBatch(KafkaException e) {
    return e.getClass() == KafkaException.class || e instanceof CorruptRecordException;
  }

  @Override
  public void close() {
    if (reader != null) {
      reader.close();
      reader = null;
    }
  }
}
