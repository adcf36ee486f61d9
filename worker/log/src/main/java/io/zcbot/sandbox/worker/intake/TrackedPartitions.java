/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import java.time.Duration;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BiConsumer;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * Partitions whose offsets are committed, with the progress of each. Confined to the poll thread,
 * except for the snapshots for gauges, which any thread may read.
 */
class TrackedPartitions {
  /**
   * How many records of all partitions may be complete behind others that are not, once a partition
   * is at its own bound. They take 2 MB here. The commands among them stay known until they are
   * committed, which has a bound as well (40,000 or 16 MiB, at which no further exec is read).
   */
  private static final int MAX_COMPLETE = 10_000;

  private static final Duration QUESTIONS = Duration.ofSeconds(5);

  /** Longer than an election of a leader or the restart of a broker. */
  private static final Duration SILENCE = Duration.ofSeconds(30);

  private final int maxInFlight;
  private final Map<TopicPartition, OffsetTracker> progress = new ConcurrentHashMap<>();
  private final Map<TopicPartition, Integer> incomplete = new ConcurrentHashMap<>();
  private final Map<TopicPartition, Long> lag = new ConcurrentHashMap<>();
  private final Map<TopicPartition, Duration> overdue = new ConcurrentHashMap<>();

  /** Since when the end of a partition has been unknown because its leader has not answered. */
  private final Map<TopicPartition, Long> silentSince = new HashMap<>();

  private volatile List<TopicPartition> silent = List.of();
  private long lastQuestion;
  private int maxMetadata = CompletedOffsets.MAX_CHARS;

  /**
   * Starts without partitions.
   *
   * @param maxInFlight a partition is paused while this many of its records are not complete; those
   *     complete behind them count too, if there is no room for more of these
   */
  TrackedPartitions(int maxInFlight) {
    this.maxInFlight = maxInFlight;
  }

  void add(TopicPartition partition, OffsetAndMetadata position) {
    progress.put(partition, new OffsetTracker(position));
  }

  Set<TopicPartition> partitions() {
    return Set.copyOf(progress.keySet());
  }

  @Nullable OffsetTracker tracker(TopicPartition partition) {
    return progress.get(partition);
  }

  /**
   * Accepts records that were read from a partition.
   *
   * @param work is given the records that no former owner of the partition completed
   * @return false if a record is not behind all in flight, because the log lost its tail and has
   *     other records there; that record and those after it were not accepted
   */
  boolean accept(
      TopicPartition partition,
      List<ConsumerRecord<byte[], byte[]>> records,
      BiConsumer<ConsumerRecord<byte[], byte[]>, OffsetTracker> work) {
    OffsetTracker at = Objects.requireNonNull(progress.get(partition));
    for (ConsumerRecord<byte[], byte[]> record : records) {
      if (!at.isNext(record.offset())) {
        return false;
      }
      if (!at.skip(record.offset(), record.leaderEpoch())) {
        work.accept(record, at);
      }
      at.advanceTo(new OffsetAndMetadata(record.offset() + 1, record.leaderEpoch(), ""));
    }
    return true;
  }

  void advance(Map<TopicPartition, OffsetAndMetadata> next) {
    next.forEach(
        (partition, offset) -> {
          OffsetTracker at = progress.get(partition);
          if (at != null) {
            at.advanceTo(offset);
          }
        });
  }

  /**
   * Pauses and resumes partitions by their number of records in flight. It does so anew each time,
   * because a rebalance forgets which partitions were paused.
   *
   * @param mayBegin whether a partition may be read at all
   * @param allFull whether none may be read
   * @param divertedFull whether none may be read that has records which go elsewhere
   */
  void regulate(
      Consumer<byte[], byte[]> consumer,
      Predicate<TopicPartition> mayBegin,
      boolean allFull,
      boolean divertedFull) {
    Set<TopicPartition> full = new HashSet<>();
    Set<TopicPartition> free = new HashSet<>();
    boolean isRoom =
        maxMetadata > 0 // else all of them would be repeated after a kill
            && progress.values().stream().mapToInt(at -> at.inFlight() - at.incomplete()).sum()
                < MAX_COMPLETE;
    progress.forEach(
        (partition, at) -> {
          incomplete.put(partition, at.incomplete());
          boolean isAnyFull = allFull || (divertedFull && at.hasDiverted()) || isFull(at, isRoom);
          boolean mayBeRead = !isAnyFull && mayBegin.test(partition);
          (mayBeRead ? free : full).add(partition);
        });
    full.removeAll(consumer.paused());
    free.retainAll(consumer.paused());
    if (!full.isEmpty()) {
      consumer.pause(full);
    }
    if (!free.isEmpty()) {
      consumer.resume(free);
    }
  }

  /**
   * Whether to pause a partition. A single record that waits for long must not hold up the others.
   */
  private boolean isFull(OffsetTracker at, boolean isRoom) {
    int waiting = at.incomplete();
    return at.inFlight() >= maxInFlight
        && (waiting >= maxInFlight || waiting > CompletedOffsets.FITTING || !isRoom);
  }

  /** Whether the consumer fetches at least one partition, or there are none. */
  boolean isFetched(Consumer<byte[], byte[]> consumer) {
    return progress.isEmpty() || !consumer.paused().containsAll(progress.keySet());
  }

  /**
   * Notes for how long records have been overdue.
   *
   * @param now on the monotonic clock
   */
  void noteOverdue(long now) {
    progress.forEach((partition, at) -> overdue.put(partition, at.overdue(now)));
  }

  /**
   * Notes the lag, for the gauge. It asks the consumer's network thread, so it is not called for
   * every batch. The client knows only the ends of partitions that it fetches, so brokers are asked
   * for those of paused partitions every few seconds. That call does not wait, because a partition
   * without a leader would block the poll thread: the client notes the answer when it comes.
   *
   * @param now on the monotonic clock
   */
  void noteLag(Consumer<byte[], byte[]> consumer, long now) {
    for (TopicPartition partition : progress.keySet()) {
      OptionalLong behind = consumer.currentLag(partition);
      if (behind.isPresent()) {
        lag.put(partition, Math.max(0, behind.getAsLong()));
        silentSince.remove(partition);
      } else {
        silentSince.putIfAbsent(partition, now);
      }
    }
    silent =
        silentSince.entrySet().stream()
            .filter(each -> now - each.getValue() >= SILENCE.toNanos())
            .map(Map.Entry::getKey)
            .sorted(Comparator.comparing(TopicPartition::toString))
            .toList();
    Set<TopicPartition> paused = new HashSet<>(consumer.paused());
    paused.retainAll(progress.keySet());
    if (!paused.isEmpty() && now - lastQuestion >= QUESTIONS.toNanos()) {
      lastQuestion = now;
      var _ = consumer.endOffsets(paused, Duration.ZERO);
    }
  }

  /** Partitions whose leaders have not answered for a while. Any thread. */
  List<TopicPartition> silent() {
    return silent;
  }

  /** Commits without metadata from now on, because the brokers accept less than the default. */
  void forgoMetadata() {
    maxMetadata = 0;
  }

  /** What is new to commit in some partitions. */
  Map<TopicPartition, OffsetAndMetadata> committable(Collection<TopicPartition> of) {
    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    for (TopicPartition partition : of) {
      OffsetTracker at = progress.get(partition);
      if (at != null) {
        at.committable(maxMetadata).ifPresent(offset -> offsets.put(partition, offset));
      }
    }
    return offsets;
  }

  Map<TopicPartition, OffsetAndMetadata> committed() {
    Map<TopicPartition, OffsetAndMetadata> same = new HashMap<>();
    progress.forEach((partition, at) -> same.put(partition, at.committed()));
    return same;
  }

  /** The committed offset of one partition, whichever; empty if there are none. */
  Map<TopicPartition, OffsetAndMetadata> oneCommitted() {
    return progress.entrySet().stream()
        .min(Comparator.comparingInt(entry -> entry.getKey().partition()))
        .map(entry -> Map.of(entry.getKey(), entry.getValue().committed()))
        .orElse(Map.of());
  }

  void noteCommitted(Map<TopicPartition, OffsetAndMetadata> offsets) {
    offsets.forEach(
        (partition, offset) -> {
          OffsetTracker at = progress.get(partition);
          if (at != null) {
            at.committed(offset);
          }
        });
  }

  void remove(Collection<TopicPartition> gone) {
    for (TopicPartition partition : gone) {
      progress.remove(partition);
      incomplete.remove(partition);
      lag.remove(partition);
      overdue.remove(partition);
      silentSince.remove(partition);
    }
  }

  /** Records that are not complete, by partition of a topic. Any thread. */
  Map<Integer, Integer> inFlightByPartition(String topic) {
    return byPartition(incomplete, topic);
  }

  /** Records not yet read, by partition of a topic where known. Any thread. */
  Map<Integer, Long> lagByPartition(String topic) {
    return byPartition(lag, topic);
  }

  /** By partition of a topic, for how long a record has been overdue. Any thread. */
  Map<Integer, Duration> overdueByPartition(String topic) {
    return byPartition(overdue, topic);
  }

  private static <V> Map<Integer, V> byPartition(Map<TopicPartition, V> all, String topic) {
    return Map.copyOf(all).entrySet().stream()
        .filter(entry -> entry.getKey().topic().equals(topic))
        .collect(Collectors.toMap(entry -> entry.getKey().partition(), Map.Entry::getValue));
  }
}
