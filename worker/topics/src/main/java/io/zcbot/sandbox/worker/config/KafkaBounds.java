/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import io.zcbot.sandbox.events.Topic;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Bounds of properties of the Kafka clients that are narrower than Kafka's own, with the reasons.
 */
final class KafkaBounds {
  /**
   * Kafka's default, which has room for an event of {@link Topic#LARGE_BYTES}, its key and its
   * headers.
   */
  private static final long MIN_REQUEST = 1_048_576;

  private static final String MIN_REQUEST_REASON =
      "the largest valid records could not be forwarded, nor the largest answers be published";

  /** Kafka's default; its jitter adds a fifth. */
  private static final long MAX_BACKOFF = 1_000;

  private static final String MAX_BACKOFF_REASON =
      "a worker that reaches the group again announces results after 1.5 s, and relies on a"
          + " heartbeat before";

  private static final Map<String, Bounds> BOUNDED =
      Map.of(
          "max.poll.interval.ms",
          new Bounds(60_000, Long.MAX_VALUE, "a rebalance waits for running work for up to 50 s"),
          "session.timeout.ms",
          new Bounds(
              6_000,
              Long.MAX_VALUE,
              "a worker may announce results for 4 s after the group last heard of it"),
          "retry.backoff.ms",
          new Bounds(Long.MIN_VALUE, MAX_BACKOFF, MAX_BACKOFF_REASON),
          "retry.backoff.max.ms",
          new Bounds(Long.MIN_VALUE, MAX_BACKOFF, MAX_BACKOFF_REASON),
          "max.request.size",
          new Bounds(MIN_REQUEST, Long.MAX_VALUE, MIN_REQUEST_REASON),
          "buffer.memory",
          new Bounds(MIN_REQUEST, Long.MAX_VALUE, MIN_REQUEST_REASON),
          "retries",
          new Bounds(1, Long.MAX_VALUE, "without them a published result can be lost"),
          "max.in.flight.requests.per.connection",
          new Bounds(1, 5, "with more results can change places"));

  private record Bounds(long least, long most, String reason) {}

  private KafkaBounds() {}

  /** What is wrong with a value; null if nothing is, or if it is not a number. */
  static @Nullable String problem(String name, String value) {
    Bounds bounds = BOUNDED.get(name);
    if (bounds == null) {
      return null;
    }
    try {
      long number = Long.parseLong(value.strip());
      return number >= bounds.least && number <= bounds.most
          ? null
          : "the Kafka property "
              + name
              + " must be "
              + (number < bounds.least ? "at least " + bounds.least : "at most " + bounds.most)
              + ": "
              + bounds.reason;
    } catch (NumberFormatException _) {
      return null; // Kafka's own validation reports it
    }
  }

  /**
   * What is wrong with the size of batches, of which each takes this much of {@code buffer.memory}.
   * A producer fails to send any record if that has no room for one.
   *
   * @param properties valid ones
   */
  static @Nullable String problemOfBatches(Map<String, String> properties) {
    long batch = Long.parseLong(properties.getOrDefault("batch.size", "0").strip());
    String fallback = String.valueOf(KafkaConfig.DEFAULT_BUFFER_MEMORY);
    long buffer = Long.parseLong(properties.getOrDefault("buffer.memory", fallback).strip());
    return batch <= buffer / 4
        ? null
        : "must be at most "
            + buffer / 4
            + ", a quarter of buffer.memory: a batch that finds no room there is never published;"
            + " lower it, or set buffer.memory to at least "
            + 4 * batch;
  }
}
