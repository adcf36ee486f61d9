/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.LockSupport;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.jspecify.annotations.Nullable;

/**
 * A consumer of topics that others than workers write. What a record takes in memory is up to its
 * writer: a header takes two bytes in the log and up to 150 here, so a record of 1 MiB can take 77
 * MiB, before anybody sees it, and several of them are in one response. So the client is asked for
 * one record at a time, and of very many headers only {@linkplain HeaderLimit those that are read}
 * are kept.
 */
final class RequestConsumer extends KafkaConsumer<byte[], byte[]> {
  /** The most records that a poll returns outside of a group. */
  private static final int MOST_RECORDS = 500;

  /** How long one of many consumers leaves the others alone while nothing is there for it. */
  private static final Duration BETWEEN_LOOKS = Duration.ofMillis(10);

  /**
   * The same for its first looks: each takes no more of a response than is in the socket's buffer.
   */
  private static final Duration BETWEEN_FIRST_LOOKS = Duration.ofMillis(1);

  /** A response of 1 MiB takes 16 looks, with the usual buffer. */
  private static final int FIRST_LOOKS = 32;

  private final OneAtATime reader;
  private final UnreadableBatches unreadable;
  private final boolean closesAtOnce;
  private final @Nullable Semaphore turn;

  private RequestConsumer(
      Map<String, Object> settings,
      Supplier<BatchReader> batches,
      int most,
      boolean closesAtOnce,
      @Nullable Semaphore turn) {
    super(oneRecordAtATime(settings), new ByteArrayDeserializer(), new ByteArrayDeserializer());
    this.reader = new OneAtATime(this::next, most);
    this.unreadable = new UnreadableBatches(this, () -> super.poll(Duration.ZERO), batches);
    this.closesAtOnce = closesAtOnce;
    this.turn = turn;
  }

  /**
   * Creates a member of a group.
   *
   * @param batches makes a reader of batches, once one can't be read
   * @param most how many records a poll returns
   */
  static RequestConsumer inGroup(
      Map<String, Object> settings, Supplier<BatchReader> batches, int most) {
    return new RequestConsumer(settings, batches, most, false, null);
  }

  /** Creates a consumer that assigns itself partitions, and commits. */
  static RequestConsumer committing(Map<String, Object> settings, Supplier<BatchReader> batches) {
    return new RequestConsumer(settings, batches, MOST_RECORDS, false, null);
  }

  /**
   * Creates a consumer that assigns itself partitions, commits nothing, and is closed at once, as
   * {@link BoundedConsumer} is.
   */
  static RequestConsumer free(Map<String, Object> settings, Supplier<BatchReader> batches) {
    return new RequestConsumer(settings, batches, MOST_RECORDS, true, null);
  }

  /**
   * Creates one of many such consumers, of which one at a time polls. It closes itself behind a
   * record of very many headers, since Kafka's client keeps the last one.
   *
   * @param turn what they share, with one permit
   */
  static RequestConsumer oneOfMany(
      Map<String, Object> settings, Supplier<BatchReader> batches, Semaphore turn) {
    return new RequestConsumer(settings, batches, MOST_RECORDS, true, turn);
  }

  private static Map<String, Object> oneRecordAtATime(Map<String, Object> settings) {
    Map<String, Object> all = new HashMap<>(settings);
    all.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, 1);
    return all;
  }

  /** One poll. A batch that can't be read would let all of them fail. */
  private ConsumerRecords<byte[], byte[]> next(Duration timeout) {
    try {
      return super.poll(timeout);
    } catch (KafkaException e) {
      return unreadable.pass(e);
    }
  }

  @Override
  public void subscribe(Collection<String> topics, ConsumerRebalanceListener listener) {
    super.subscribe(topics, reader.watching(listener));
  }

  @Override
  public ConsumerRecords<byte[], byte[]> poll(Duration timeout) {
    if (turn == null) {
      return reader.poll(timeout);
    }
    long began = System.nanoTime();
    ConsumerRecords<byte[], byte[]> records = pollInTurn(turn);
    for (int looks = 0;
        records.isEmpty() && System.nanoTime() - began < timeout.toNanos();
        looks++) {
      Duration rest = looks < FIRST_LOOKS ? BETWEEN_FIRST_LOOKS : BETWEEN_LOOKS;
      LockSupport.parkNanos(rest.toNanos());
      records = pollInTurn(turn);
    }
    return records;
  }

  private ConsumerRecords<byte[], byte[]> pollInTurn(Semaphore shared) {
    shared.acquireUninterruptibly();
    try {
      ConsumerRecords<byte[], byte[]> records = reader.poll(Duration.ZERO);
      if (HeaderLimit.isAnyCut(records)) {
        close(); // before the next one reads such a record
      }
      return records;
    } finally {
      shared.release();
    }
  }

  @Override
  public void close() {
    if (closesAtOnce) {
      close(CloseOptions.timeout(Duration.ZERO));
    } else {
      unreadable.close();
      super.close();
    }
  }

  @Override
  public void close(CloseOptions options) {
    unreadable.close();
    super.close(options);
  }
}
