/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.commands.CommandKey;
import io.zcbot.sandbox.worker.commands.CommandWork;
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
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;

/**
 * Starts detours, and holds what they share. Detours read in turns, and have a consumer only then.
 */
class InputDetours implements AutoCloseable {
  /** Reading by time begins this much earlier, because the clocks of brokers differ. */
  private static final long CLOCKS_MS = 10_000;

  private final Supplier<Consumer<byte[], byte[]>> consumers;
  private final CommandWork work;
  private final Time time;
  private final Places places;
  private final ReadingTurns turns;
  private final CountDownLatch closed = new CountDownLatch(1);
  private final ExecutorService threads =
      Executors.newThreadPerTaskExecutor(task -> Threads.virtual("input-detour", task));

  /**
   * Starts without detours.
   *
   * @param consumers makes a consumer without a group
   */
  InputDetours(
      Supplier<Consumer<byte[], byte[]>> consumers, CommandWork work, Places places, Time time) {
    this.consumers = consumers;
    this.work = work;
    this.places = places;
    this.turns = new ReadingTurns(places);
    this.time = time;
  }

  /**
   * Starts a detour at an offset.
   *
   * @param signalsBefore signals and sizes at this offset and behind are delivered by the follower
   */
  InputDetour begin(
      CommandInputs owner,
      CommandKey key,
      TopicPartition partition,
      long from,
      long signalsBefore) {
    return begin(new InputDetour(owner, key, partition, _ -> from, signalsBefore, this));
  }

  /**
   * Starts a detour at an instant.
   *
   * @param first the offset of an input that is known to exist; the detour begins there at the
   *     latest
   * @param signalsBefore as for the other method
   */
  InputDetour begin(
      CommandInputs owner,
      CommandKey key,
      TopicPartition partition,
      Instant from,
      long first,
      long signalsBefore) {
    return begin(
        new InputDetour(
            owner,
            key,
            partition,
            consumer -> Math.min(first, offsetOf(consumer, partition, from)),
            signalsBefore,
            this));
  }

  private static long offsetOf(
      Consumer<byte[], byte[]> consumer, TopicPartition partition, Instant from) {
    OffsetAndTimestamp first =
        consumer
            .offsetsForTimes(
                Map.of(partition, Math.max(0, from.toEpochMilli() - CLOCKS_MS)),
                InputDetour.CALL_TIMEOUT)
            .get(partition);
    return first == null
        ? Objects.requireNonNull(
            consumer.endOffsets(List.of(partition), InputDetour.CALL_TIMEOUT).get(partition))
        : first.offset();
  }

  private InputDetour begin(InputDetour detour) {
    try {
      Threads.orEnd(() -> threads.execute(detour::run));
    } catch (RejectedExecutionException e) { // closed
      throw new StoppedException("an input was not read again", e);
    }
    return detour;
  }

  Consumer<byte[], byte[]> newConsumer() {
    return consumers.get();
  }

  CommandWork work() {
    return work;
  }

  Time time() {
    return time;
  }

  Places places() {
    return places;
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
