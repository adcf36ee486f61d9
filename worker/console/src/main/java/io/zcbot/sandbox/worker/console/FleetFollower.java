/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.kafka.LogRange;
import io.zcbot.sandbox.worker.kafka.RangeRead;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.TimeoutException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads the topics into a fleet: first the tables, which have the current state, then the events of
 * the last hour, then new records. It is in no group and commits nothing. The topics of commands'
 * input and output are not read. It has a thread of its own.
 */
final class FleetFollower implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(FleetFollower.class);

  private static final Duration POLL = Duration.ofMillis(250);
  private static final Duration ANSWER = Duration.ofSeconds(5);
  private static final Duration PAUSE = Duration.ofSeconds(2);
  private static final Duration STOP = Duration.ofSeconds(10);
  private static final Duration PROBE_EVERY = Duration.ofSeconds(1);
  private static final Duration PROBE_AGAIN = Duration.ofSeconds(30);
  private static final Duration LONGEST_SILENCE = Duration.ofSeconds(30);
  private static final Duration COUNT_EVERY = Duration.ofSeconds(30);

  /** The tables keep for an hour what tells that something ended. */
  private static final Duration LONGEST_AWAY = Duration.ofMinutes(30);

  private static final List<Topic> TOPICS =
      List.copyOf(
          EnumSet.complementOf(
              EnumSet.of(Topic.INPUT, Topic.STARTED, Topic.OUTPUT, Topic.CURRENT)));

  private final Supplier<Consumer<byte[], byte[]>> consumers;
  private final Map<String, Topic> topics = new HashMap<>();
  private final Duration history;
  private final Fleet fleet;
  private final InstantSource clock;
  private final LongSupplier nanos;
  private final Thread thread;
  private final CountDownLatch stop = new CountDownLatch(1);
  private FollowState state = FollowState.STARTING;

  /**
   * Begins to read.
   *
   * @param consumers makes consumers without a group; this closes them
   * @param history how far back in time events are read
   * @param nanos a monotonic clock
   */
  static FleetFollower start(
      Supplier<Consumer<byte[], byte[]>> consumers,
      String topicPrefix,
      Duration history,
      Fleet fleet,
      InstantSource clock,
      LongSupplier nanos) {
    FleetFollower follower =
        new FleetFollower(consumers, topicPrefix, history, fleet, clock, nanos);
    follower.thread.start();
    return follower;
  }

  private FleetFollower(
      Supplier<Consumer<byte[], byte[]>> consumers,
      String topicPrefix,
      Duration history,
      Fleet fleet,
      InstantSource clock,
      LongSupplier nanos) {
    this.consumers = consumers;
    this.history = history;
    this.fleet = fleet;
    this.clock = clock;
    this.nanos = nanos;
    TOPICS.forEach(topic -> topics.put(topic.named(topicPrefix), topic));
    this.thread = Thread.ofPlatform().name("console-topics").daemon().unstarted(this::run);
  }

  private boolean isWanted() {
    return stop.getCount() > 0;
  }

  private void run() {
    while (isWanted()) {
      try (Consumer<byte[], byte[]> consumer = consumers.get()) {
        follow(consumer);
      } catch (InterruptException _) {
        return;
      } catch (KafkaException e) {
        failing("the topics can't be read: " + e.getMessage());
      } catch (RuntimeException e) {
        // Otherwise the page would stand still unnoticed.
        failing("reading the topics failed, and begins anew: " + e, e);
      }
      try {
        boolean _ = stop.await(PAUSE.toMillis(), TimeUnit.MILLISECONDS);
      } catch (InterruptedException _) {
        return;
      }
    }
  }

  /** Reads until the topics change or can't be read any more. */
  private void follow(Consumer<byte[], byte[]> consumer) {
    long begun = clock.millis();
    Partitions found = partitions(consumer);
    if (found == null) {
      return;
    }
    if (found.led().isEmpty()) {
      failing(found.problem());
      return;
    }
    List<TopicPartition> all = found.led();
    Predicate<TopicPartition> isTable = each -> topic(each.topic()).isTable();
    List<TopicPartition> tables = all.stream().filter(isTable).toList();
    List<TopicPartition> others = all.stream().filter(isTable.negate()).toList();
    LogRange whole = LogRange.all(consumer, tables, ANSWER);
    Instant since = clock.instant().minus(history);
    LogRange recent = LogRange.since(consumer, others, since, ANSWER);
    // Only now: if Kafka does not tell the positions, what is known is still shown.
    fleet.begin((int) found.all().filter(each -> topic(each.topic()) == Topic.LIVE).count(), since);
    state = FollowState.STARTING;
    Map<TopicPartition, Long> _ =
        new RangeRead(consumer, whole)
            .whileWanted(this::isWanted)
            .timedBy(nanos)
            .each(record -> fleet.accept(topic(record.topic()), record));
    Map<TopicPartition, Long> starts = new HashMap<>(recent.starts());
    tables.forEach(table -> starts.put(table, consumer.position(table, ANSWER)));
    consumer.assign(all);
    starts.forEach(consumer::seek);
    followOn(consumer, found, begun);
  }

  private void followOn(Consumer<byte[], byte[]> consumer, Partitions found, long begun) {
    Probe probe = null;
    long left = 0;
    long heard = begun;
    long counted = nanos.getAsLong();
    long probeAt = counted;
    long progressAt = counted;
    while (isWanted()) {
      take(consumer);
      long now = nanos.getAsLong();
      if (now - counted >= COUNT_EVERY.toNanos()) {
        counted = now;
        if (isChanged(consumer)) {
          log.info("the topics changed: reading them anew");
          return;
        }
      }
      if (probe == null && now - probeAt >= 0) {
        probe = probe(consumer, clock.millis());
        left = Long.MAX_VALUE;
        // Without an answer, the probe took seconds in which nothing was read.
        Duration pause = probe == null ? PROBE_AGAIN : PROBE_EVERY;
        probeAt = nanos.getAsLong() + pause.toNanos();
      }
      if (probe != null) {
        long behind = probe.behind(consumer, ANSWER);
        if (behind < left) { // heard: a new probe, or records on the way to it
          long at = clock.millis();
          if (at - heard > LONGEST_AWAY.toMillis()) {
            log.info("Kafka was not heard of for long: reading the topics anew");
            return;
          }
          heard = at;
          left = behind;
          progressAt = now;
        }
        boolean isAllKnown = behind == 0 && found.leaderless().isEmpty();
        state = new FollowState(isAllKnown ? probe.at() : state.upTo(), behind, found.problem());
        fleet.following(state);
        // Nothing more comes: only a new probe tells whether Kafka is away.
        boolean isSilent = now - progressAt >= LONGEST_SILENCE.toNanos();
        probe = behind == 0 || isSilent ? null : probe;
      }
    }
  }

  private @Nullable Probe probe(Consumer<byte[], byte[]> consumer, long now) {
    try {
      return new Probe(now, consumer.endOffsets(consumer.assignment(), ANSWER));
    } catch (TimeoutException _) {
      failing("Kafka does not answer");
      return null;
    }
  }

  private boolean isChanged(Consumer<byte[], byte[]> consumer) {
    try {
      Partitions now = partitions(consumer);
      return now == null || now.shouldReplace(consumer.assignment());
    } catch (TimeoutException _) {
      return false;
    }
  }

  /** All partitions of the topics; null if a topic is missing. */
  private @Nullable Partitions partitions(Consumer<byte[], byte[]> consumer) {
    List<PartitionInfo> all = new ArrayList<>();
    for (String topic : topics.keySet()) {
      List<PartitionInfo> found = consumer.partitionsFor(topic, ANSWER);
      if (found == null || found.isEmpty()) {
        waiting("the topic " + topic + " does not exist yet; a worker creates it when it starts");
        return null;
      }
      all.addAll(found);
    }
    return Partitions.of(all);
  }

  /**
   * Adds records, those of the tables first, because events change the rows of sandboxes. The state
   * of a table is what was appended last, whatever the clocks of its writers said.
   */
  private void take(Consumer<byte[], byte[]> consumer) {
    List<ConsumerRecord<byte[], byte[]>> batch = new ArrayList<>();
    consumer.poll(POLL).forEach(batch::add);
    batch.sort(
        Comparator.comparingLong(
            record -> topic(record.topic()).isTable() ? Long.MIN_VALUE : record.timestamp()));
    batch.forEach(record -> fleet.accept(topic(record.topic()), record));
  }

  private Topic topic(String name) {
    Topic topic = topics.get(name);
    if (topic == null) {
      throw new IllegalArgumentException("not read: " + name);
    }
    return topic;
  }

  /** As {@link #failing}, for what is no fault while a worker starts. */
  private void waiting(String forWhat) {
    if (!state.problem().equals(ShownText.message(forWhat))) {
      log.info("waiting: {}", forWhat);
    }
    state = state.failing(forWhat);
    fleet.following(state);
  }

  private void failing(String why) {
    failing(why, null);
  }

  private void failing(String why, @Nullable Throwable defect) {
    if (!state.problem().equals(ShownText.message(why))) {
      log.warn("{}", why, defect);
    }
    state = state.failing(why);
    fleet.following(state);
  }

  @Override
  public void close() {
    stop.countDown();
    thread.interrupt();
    try {
      thread.join(STOP);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }
}
