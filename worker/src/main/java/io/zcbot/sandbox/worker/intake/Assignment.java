/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * The partitions of this worker, with the progress of each. Confined to the poll thread, but for
 * the states and the snapshots that gauges read.
 */
public final class Assignment implements PartitionStates {
  private final String topic;
  private final int maxInFlight;
  private final int homes;
  private final Map<TopicPartition, OffsetTracker> progress = new ConcurrentHashMap<>();
  private final Map<TopicPartition, CompletableFuture<Void>> takeovers = new HashMap<>();
  private final Map<Integer, Integer> inFlightByPartition = new ConcurrentHashMap<>();
  private final Map<Integer, Long> lagByPartition = new ConcurrentHashMap<>();
  private final Map<Integer, Duration> overdueByPartition = new ConcurrentHashMap<>();

  private int maxMetadata = CompletedOffsets.MAX_CHARS;

  /**
   * No partitions yet.
   *
   * @param topic whose partitions the group assigns
   * @param homes how many partitions are homes of users
   * @param maxInFlight a partition is paused while this many of its records are in flight
   */
  public Assignment(String topic, int homes, int maxInFlight) {
    this.topic = topic;
    this.homes = homes;
    this.maxInFlight = maxInFlight;
  }

  void add(TopicPartition partition, OffsetAndMetadata position) {
    progress.put(partition, new OffsetTracker(position));
  }

  /**
   * Reads nothing of these partitions until their takeover is over.
   *
   * @param takeover completes when their ensures may be served
   */
  void takeOver(Collection<TopicPartition> partitions, CompletableFuture<Void> takeover) {
    partitions.forEach(partition -> takeovers.put(partition, takeover));
  }

  String topic() {
    return topic;
  }

  @Override
  public PartitionState of(int partition) {
    OffsetTracker at = progress.get(new TopicPartition(topic, partition));
    return at == null ? PartitionState.LOST : at.state();
  }

  /**
   * Those of some partitions that are homes of users. Others are there if the topic was raised
   * alone; what lies in them is forwarded.
   */
  Set<Integer> homes(Collection<TopicPartition> of) {
    return of.stream()
        .map(TopicPartition::partition)
        .filter(number -> number < homes)
        .collect(Collectors.toSet());
  }

  /** The progress of some partitions in this assignment; they come back with another one. */
  Map<Integer, OffsetTracker> trackers(Collection<TopicPartition> of) {
    Map<Integer, OffsetTracker> trackers = new HashMap<>();
    for (TopicPartition partition : of) {
      OffsetTracker at = progress.get(partition);
      if (at != null) {
        trackers.put(partition.partition(), at);
      }
    }
    return trackers;
  }

  Set<TopicPartition> partitions() {
    return Set.copyOf(progress.keySet());
  }

  @Nullable OffsetTracker tracker(TopicPartition partition) {
    return progress.get(partition);
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
    takeovers.entrySet().removeIf(takeover -> isOver(takeover.getKey(), takeover.getValue()));
    Set<TopicPartition> full = new HashSet<>();
    Set<TopicPartition> free = new HashSet<>();
    progress.forEach(
        (partition, at) -> {
          int inFlight = at.inFlight();
          inFlightByPartition.put(partition.partition(), inFlight);
          (allFull || inFlight >= maxInFlight || !at.state().mayBegin() ? full : free)
              .add(partition);
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
    progress.forEach(
        (partition, at) -> overdueByPartition.put(partition.partition(), at.overdue(now)));
  }

  /** For the gauge; asks the consumer's network thread, so not for every batch. */
  void noteLag(Consumer<byte[], byte[]> consumer) {
    for (TopicPartition partition : progress.keySet()) {
      OptionalLong lag = consumer.currentLag(partition);
      if (lag.isPresent()) {
        lagByPartition.put(partition.partition(), lag.getAsLong());
      }
    }
  }

  private boolean isOver(TopicPartition partition, CompletableFuture<Void> takeover) {
    OffsetTracker at = progress.get(partition);
    if (takeover.isDone() && at != null) {
      at.takeOver();
    }
    return takeover.isDone();
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

  /** Nothing of these partitions may begin any more. Returns the users whose lanes are at work. */
  Set<UserId> revoke(Collection<TopicPartition> of) {
    return move(of, OffsetTracker::revoke);
  }

  /** Nothing of these partitions may be announced any more. Returns whose lanes are at work. */
  Set<UserId> lose(Collection<TopicPartition> of) {
    return move(of, OffsetTracker::lose);
  }

  private Set<UserId> move(
      Collection<TopicPartition> of, java.util.function.Consumer<OffsetTracker> transition) {
    Set<UserId> atWork = new HashSet<>();
    for (TopicPartition partition : of) {
      OffsetTracker at = progress.get(partition);
      if (at != null) {
        transition.accept(at);
        atWork.addAll(at.usersAtWork());
      }
    }
    return atWork;
  }

  void remove(Collection<TopicPartition> gone) {
    for (TopicPartition partition : gone) {
      progress.remove(partition);
      takeovers.remove(partition);
      inFlightByPartition.remove(partition.partition());
      lagByPartition.remove(partition.partition());
      overdueByPartition.remove(partition.partition());
    }
  }

  /** Records in flight per partition. Any thread. */
  Map<Integer, Integer> inFlightByPartition() {
    return Map.copyOf(inFlightByPartition);
  }

  /** Records not yet read per partition, where known. Any thread. */
  Map<Integer, Long> lagByPartition() {
    return Map.copyOf(lagByPartition);
  }

  /** For how long a record of each partition has been overdue; zero if none is. Any thread. */
  Map<Integer, Duration> overdueByPartition() {
    return Map.copyOf(overdueByPartition);
  }
}
