/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Semaphore;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetOutOfRangeException;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.serialization.Deserializer;

/**
 * Tries to read single batches: a broker sends one whole batch to a consumer that asks for one
 * byte. Keeps neither keys nor values. The headers of a batch can take 77 MiB for a moment, so of
 * all readers one reads at a time. For one thread.
 */
final class BatchReader implements AutoCloseable {
  /** How long to wait for a broker. */
  private static final Duration PATIENCE = Duration.ofSeconds(5);

  /** After that, the broker is asked whether there is a batch. */
  private static final Duration SOON = Duration.ofMillis(20);

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
    all.put(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG, 1);
    consumer = new KafkaConsumer<>(all, new Forgetting(), new Forgetting());
  }

  /**
   * Whether the batch that has this offset can be read.
   *
   * @return false only if there is such a batch and it can't be read
   */
  boolean canRead(TopicPartition partition, long offset) {
    turn.acquireUninterruptibly();
    try {
      consumer.assign(Set.of(partition));
      consumer.seek(partition, offset);
      long began = System.nanoTime();
      do {
        var _ = consumer.poll(SOON);
      } while (consumer.position(partition) == offset
          && System.nanoTime() - began < PATIENCE.toNanos()
          && isInLog(partition, offset));
      return true;
    } catch (OffsetOutOfRangeException _) {
      return true; // deleted meanwhile
    } catch (KafkaException e) {
      if (UnreadableBatches.isForBatch(e)) {
        return false;
      }
      throw e;
    } finally {
      consumer.unsubscribe(); // and forget what was fetched
      turn.release();
    }
  }

  private boolean isInLog(TopicPartition partition, long offset) {
    try {
      Long end = consumer.endOffsets(Set.of(partition), PATIENCE).get(partition);
      return end == null || offset < end;
    } catch (TimeoutException _) {
      return true;
    }
  }

  @Override
  public void close() {
    consumer.close(CloseOptions.timeout(Duration.ZERO));
  }
}
