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
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * Partitions whose offsets are committed, with the progress of each. Confined to the poll thread,
 * but for the states and the snapshots that gauges read.
 */
class TrackedPartitions {
  /**
   * How many records of all partitions may be complete behind others that are not, once a partition
   * is at its own bound. They take 2 MB here, and the commands among them stay known until they are
   * committed, of which there is a bound as well (some 40,000, at which no exec is read any more).
   */
  private static final int MAX_COMPLETE = 10_000;

  private static final Duration QUESTIONS = Duration.ofSeconds(5);

  /** Leaders are elected within it, and brokers restarted. */
  private static final Duration SILENCE = Duration.ofSeconds(30);

  private final int maxInFlight;
  private final Map<TopicPartition, OffsetTracker> progress = new ConcurrentHashMap<>();
  private final Map<TopicPartition, Integer> incomplete = new ConcurrentHashMap<>();
  private final Map<TopicPartition, Long> lag = new ConcurrentHashMap<>();
  private final Map<TopicPartition, Duration> overdue = new ConcurrentHashMap<>();

  /** Since when the end of a partition is not known, as its leader has not answered yet. */
  private final Map<TopicPartition, Long> silentSince = new HashMap<>();

  private volatile List<TopicPartition> silent = List.of();
  private long lastQuestion;
  private int maxMetadata = CompletedOffsets.MAX_CHARS;

  /**
   * No partitions yet.
   *
   * @param maxInFlight a partition is paused while this many of its records are not complete; those
   *     complete behind them count where there is no room for more of these
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
   * Takes records that were read of a partition.
   *
   * @param work is handed those that no former owner of the partition completed
   * @return false if one is not behind all in flight, since the log lost its tail and has others
   *     there; it and what follows were not taken
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
   * Back-pressure, from the counts alone: a rebalance forgets which partitions were paused.
   *
   * @param allFull whether none may be read
   */
  void regulate(Consumer<byte[], byte[]> consumer, boolean allFull) {
    Set<TopicPartition> full = new HashSet<>();
    Set<TopicPartition> free = new HashSet<>();
    boolean isRoom =
        maxMetadata > 0 // or all of them would be worked on again after a kill
            && progress.values().stream().mapToInt(at -> at.inFlight() - at.incomplete()).sum()
                < MAX_COMPLETE;
    progress.forEach(
        (partition, at) -> {
          incomplete.put(partition, at.incomplete());
          boolean mayBeRead = !allFull && !isFull(at, isRoom) && at.state().mayBegin();
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

  /** One record that waits for long holds up no others of its partition. */
  private boolean isFull(OffsetTracker at, boolean isRoom) {
    int waiting = at.incomplete();
    return at.inFlight() >= maxInFlight
        && (waiting >= maxInFlight || waiting > CompletedOffsets.FITTING || !isRoom);
  }

  /** Whether records of any partition are asked for, or there is none to ask of. */
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
   * For the gauge; asks the consumer's network thread, so not for every batch. The client learns
   * the end of what it fetches only, so the brokers are asked for those of paused partitions every
   * few seconds. A partition without a leader would keep the poll thread waiting, so it does not
   * wait: the client takes note of the answer when it comes.
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

  /** Those whose leaders have not answered since they came, for a while. Any thread. */
  List<TopicPartition> silent() {
    return silent;
  }

  /** The brokers are set to accept less metadata than is usual, so commits go without. */
  void forgoMetadata() {
    maxMetadata = 0;
  }

  /** What can be committed of some partitions. */
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

  /** What is committed of any one partition; empty if there is none. */
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

  /** Records per partition of a topic that are not complete. Any thread. */
  Map<Integer, Integer> inFlightByPartition(String topic) {
    return byPartition(incomplete, topic);
  }

  /** Records not yet read per partition of a topic, where known. Any thread. */
  Map<Integer, Long> lagByPartition(String topic) {
    return byPartition(lag, topic);
  }

  /** For how long a record of each partition of a topic has been overdue. Any thread. */
  Map<Integer, Duration> overdueByPartition(String topic) {
    return byPartition(overdue, topic);
  }

  private static <V> Map<Integer, V> byPartition(Map<TopicPartition, V> all, String topic) {
    return Map.copyOf(all).entrySet().stream()
        .filter(entry -> entry.getKey().topic().equals(topic))
        .collect(Collectors.toMap(entry -> entry.getKey().partition(), Map.Entry::getValue));
  }
}
