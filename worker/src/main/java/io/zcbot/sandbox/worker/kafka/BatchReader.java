/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.Semaphore;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.Deserializer;
import org.jspecify.annotations.Nullable;

/**
 * Reads single batches, to know where each of them ends: a broker sends one whole batch to a
 * consumer that asks for one byte, and behind a batch the position of a consumer is that which the
 * broker gave it, whatever its records state. Keeps neither keys nor values. The headers of a batch
 * can take 77 MiB for a moment, so of all readers one reads at a time. For one thread.
 */
final class BatchReader implements AutoCloseable {
  /** How long to wait for a broker. */
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  /** After that, the broker is asked whether there is one. */
  private static final Duration SOON = Duration.ofMillis(20);

  /** A batch with larger headers is not kept, as Kafka's consumer would do. */
  private static final long LARGE = 256 * 1024;

  private final KafkaConsumer<byte[], byte[]> consumer;
  private final Semaphore turn;

  /** Makes nothing of keys and values, and does not copy them. */
  private static final class Forgetting implements Deserializer<byte[]> {
    private static final byte[] NOTHING = {};

    @Override
    public byte[] deserialize(String topic, byte[] data) {
      return NOTHING;
    }

    @Override
    public byte[] deserialize(String topic, Headers headers, ByteBuffer data) {
      return NOTHING;
    }
  }

  /**
   * A batch, from an offset on.
   *
   * @param first the offset that its first record states; null if it has none, as the marker of a
   *     transaction
   * @param last the offset that its last record states
   * @param end the offset of the next batch
   */
  record Batch(@Nullable Long first, long last, long end) {
    /** Whether a record states an offset that belongs to another batch. */
    boolean isFalse() {
      return last >= end;
    }

    /** Whether it has records, none of which does that. */
    boolean isOrdinary() {
      return first != null && !isFalse();
    }

    /** Whether its first record states this offset, and none states one of another batch. */
    boolean beginsWith(long offset) {
      return first != null && first == offset && !isFalse();
    }
  }

  /**
   * Creates a reader.
   *
   * @param settings those of a consumer without a group
   * @param turn what the readers share, with one permit
   */
  BatchReader(Map<String, Object> settings, Semaphore turn) {
    this.turn = turn;
    Map<String, Object> all = new HashMap<>(settings);
    all.put(ConsumerConfig.FETCH_MAX_BYTES_CONFIG, 1);
    all.put(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, 1);
    all.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, Integer.MAX_VALUE);
    all.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "none");
    // The next batch is requested before anybody asks for it; no other request can follow before
    // the broker's answer.
    all.put(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG, 1);
    consumer = new KafkaConsumer<>(all, new Forgetting(), new Forgetting());
  }

  /**
   * Reads the batch that has this offset.
   *
   * @return null if there is none, or the broker does not answer in time
   * @throws org.apache.kafka.clients.consumer.OffsetOutOfRangeException if the log begins behind it
   * @throws KafkaException if the batch can't be read
   */
  @Nullable Batch at(TopicPartition partition, long offset) {
    turn.acquireUninterruptibly();
    try {
      return read(partition, offset);
    } catch (KafkaException e) {
      consumer.unsubscribe(); // it would fail again with what it has fetched
      throw e;
    } finally {
      turn.release();
    }
  }

  private @Nullable Batch read(TopicPartition partition, long offset) {
    if (!consumer.assignment().contains(partition)) {
      consumer.assign(Set.of(partition));
    }
    consumer.seek(partition, offset);
    long began = System.nanoTime();
    do {
      List<ConsumerRecord<byte[], byte[]>> records = consumer.poll(SOON).records(partition);
      long end = consumer.position(partition);
      if (records.stream().mapToLong(HeaderLimit::sizeOf).sum() > LARGE) {
        consumer.unsubscribe();
      }
      if (end > offset) {
        return records.isEmpty()
            ? new Batch(null, offset, end)
            : new Batch(records.getFirst().offset(), records.getLast().offset(), end);
      }
    } while (System.nanoTime() - began < PATIENCE.toNanos() && isInLog(partition, offset));
    return null;
  }

  private boolean isInLog(TopicPartition partition, long offset) {
    try {
      Long end = consumer.endOffsets(Set.of(partition), PATIENCE).get(partition);
      return end == null || offset < end;
    } catch (TimeoutException _) {
      return true;
    }
  }

  /** The first offset of the log. */
  long beginning(TopicPartition partition) {
    return Objects.requireNonNull(
        consumer.beginningOffsets(Set.of(partition), PATIENCE).get(partition));
  }

  @Override
  public void close() {
    consumer.close(CloseOptions.timeout(Duration.ZERO));
  }
}
