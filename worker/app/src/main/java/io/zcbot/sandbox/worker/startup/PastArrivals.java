/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.startup;

import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.demand.Arrivals;
import io.zcbot.sandbox.worker.kafka.LogReader;
import io.zcbot.sandbox.worker.kafka.Origins;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.BiConsumer;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads from the log when new users came whom this process did not count: those of its partitions
 * before it owned them. Each partition is read once. If there are many records, the older ones are
 * left out.
 */
public final class PastArrivals {
  private static final Logger log = LoggerFactory.getLogger(PastArrivals.class);

  private static final int MOST_RECORDS = 100_000;
  private static final long MOST_BYTES = 64L << 20;
  private static final Duration LONGEST_WAIT = Duration.ofMinutes(10);

  private final String topic;
  private final String workerId;
  private final LogReader reader;
  private final Supplier<Set<Integer>> partitions;
  private final BiConsumer<String, List<Instant>> found;
  private final Time time;
  private final Executor threads;
  private final Instant begin;
  private final EventCodec codec = new EventCodec();
  private final Set<Integer> read = new HashSet<>();
  private final AtomicBoolean busy = new AtomicBoolean();

  /**
   * Creates the reader, which reads nothing yet.
   *
   * @param partitions the partitions of this worker at the moment
   * @param found is called with a profile and the times at which its users came
   */
  public PastArrivals(
      WorkerConfig config,
      LogReader reader,
      Supplier<Set<Integer>> partitions,
      BiConsumer<String, List<Instant>> found,
      Time time) {
    this(
        config.kafka().topic(Topic.READY),
        config.workerId(),
        reader,
        partitions,
        found,
        time,
        task -> Threads.start("past arrivals", task));
  }

  PastArrivals(
      String topic,
      String workerId,
      LogReader reader,
      Supplier<Set<Integer>> partitions,
      BiConsumer<String, List<Instant>> found,
      Time time,
      Executor threads) {
    this.topic = topic;
    this.workerId = workerId;
    this.reader = reader;
    this.partitions = partitions;
    this.found = found;
    this.time = time;
    this.threads = threads;
    this.begin = time.now();
  }

  /** Reads newly assigned partitions on another thread. Called by a timer; never blocks. */
  public void tick() {
    if (busy.compareAndSet(false, true)) {
      threads.execute(
          () -> {
            try {
              readNew();
            } finally {
              busy.set(false);
            }
          });
    }
  }

  private void readNew() {
    Set<Integer> fresh = new HashSet<>(partitions.get());
    fresh.removeAll(read);
    if (fresh.isEmpty()) {
      return;
    }
    Map<String, List<Instant>> arrivals = new HashMap<>();
    try {
      reader.readLatest(
          topic,
          fresh,
          time.now().minus(Arrivals.MEMORY),
          MOST_RECORDS / fresh.size(),
          MOST_BYTES,
          record -> {
            Arrival each = arrival(record);
            if (each != null) {
              arrivals.computeIfAbsent(each.profile, _ -> new ArrayList<>()).add(each.at);
            }
          });
    } catch (KafkaException e) {
      log.info("could not read when users came, will be tried again: {}", e.getMessage());
      return;
    }
    read.addAll(fresh);
    log.info(
        "{} new users came to {} of this worker's partitions within the last day",
        arrivals.values().stream().mapToInt(List::size).sum(),
        fresh.size());
    arrivals.forEach(found);
  }

  /** A new user who came. */
  private record Arrival(String profile, Instant at) {}

  /** When a new user came; null if the record is of none, or this process has counted the user. */
  private @Nullable Arrival arrival(ConsumerRecord<byte[], byte[]> record) {
    try {
      if (!(codec.decode(Topic.READY, record.key(), record.value(), Origins.of(record))
              instanceof Ready ready)
          || ready.outcome() == Ready.Outcome.REUSED) {
        return null;
      }
      Instant at = Instant.ofEpochMilli(record.timestamp());
      boolean counted = ready.workerId().equals(workerId) && at.isAfter(begin);
      return counted
          ? null
          : new Arrival(
              ready.profile(),
              at.minusMillis(Math.clamp(ready.tookMs(), 0, LONGEST_WAIT.toMillis())));
    } catch (EventFormatException _) {
      return null; // no worker wrote that
    }
  }
}
