/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.commands.CommandInput;
import io.zcbot.sandbox.worker.commands.CommandKey;
import io.zcbot.sandbox.worker.commands.ReadInput;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.function.ToLongFunction;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;

/**
 * Starts detours, and holds what they share. Detours read in turns, and have a consumer only then.
 */
class InputDetours implements AutoCloseable {
  private final Supplier<Consumer<byte[], byte[]>> consumers;
  private final Time time;
  private final HashBuckets buckets;
  private final ReadingTurns turns;
  private final CountDownLatch closed = new CountDownLatch(1);
  private final ExecutorService threads =
      Executors.newThreadPerTaskExecutor(task -> Threads.virtual("input-detour", task));

  /**
   * Starts without detours.
   *
   * @param consumers makes a consumer without a group
   */
  InputDetours(Supplier<Consumer<byte[], byte[]>> consumers, HashBuckets buckets, Time time) {
    this.consumers = consumers;
    this.buckets = buckets;
    this.turns = new ReadingTurns(buckets);
    this.time = time;
  }

  /**
   * Starts a detour.
   *
   * @param start finds the offset to begin at
   * @param signalsBefore signals and sizes at this offset and behind are delivered by the follower
   * @param newer signals and sizes that the command gets before anything that the detour reads
   */
  InputDetour begin(
      CommandInputs owner,
      CommandKey key,
      CommandInput to,
      TopicPartition partition,
      ToLongFunction<Consumer<byte[], byte[]>> start,
      long signalsBefore,
      List<ReadInput> newer) {
    InputDetour detour = new InputDetour(owner, key, to, partition, start, signalsBefore, this);
    newer.forEach(detour::pass); // before it hands over anything older
    try {
      Threads.orEnd(() -> threads.execute(detour::run));
    } catch (RejectedExecutionException e) { // closed
      throw new StoppedException("an input was not read again", e);
    }
    return detour;
  }

  /** Starts at an offset. */
  static ToLongFunction<Consumer<byte[], byte[]>> at(long offset) {
    return _ -> offset;
  }

  /**
   * Starts at an instant.
   *
   * @param first the offset of an input that is known to exist: starts there at the latest
   */
  static ToLongFunction<Consumer<byte[], byte[]>> since(
      Instant from, TopicPartition partition, long first) {
    return consumer -> Math.min(first, offsetOf(consumer, partition, from));
  }

  private static long offsetOf(
      Consumer<byte[], byte[]> consumer, TopicPartition partition, Instant from) {
    OffsetAndTimestamp first =
        consumer
            .offsetsForTimes(
                Map.of(partition, Math.max(0, from.toEpochMilli())), InputDetour.CALL_TIMEOUT)
            .get(partition);
    return first == null
        ? Objects.requireNonNull(
            consumer.endOffsets(List.of(partition), InputDetour.CALL_TIMEOUT).get(partition))
        : first.offset();
  }

  Consumer<byte[], byte[]> newConsumer() {
    return consumers.get();
  }

  Time time() {
    return time;
  }

  HashBuckets buckets() {
    return buckets;
  }

  ReadingTurns turns() {
    return turns;
  }

  /** Waits; returns true as soon as the worker stops. */
  boolean pause(Duration delay) throws InterruptedException {
    return closed.await(delay.toNanos(), TimeUnit.NANOSECONDS);
  }

  @Override
  public void close() {
    closed.countDown();
    threads.shutdownNow();
  }
}
