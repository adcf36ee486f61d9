/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.intake.OffsetTracker.Tenure;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.jspecify.annotations.Nullable;

/**
 * The partitions this worker has, and how far each is worked off. Confined to the poll thread, but
 * for the snapshots that gauges read.
 */
final class Assignment {
  private final int maxHeld;
  private final Map<TopicPartition, OffsetTracker> progress = new HashMap<>();
  private final Map<TopicPartition, CompletableFuture<Void>> takeovers = new HashMap<>();
  private final Map<Integer, Integer> heldByPartition = new ConcurrentHashMap<>();
  private final Map<Integer, Long> lagByPartition = new ConcurrentHashMap<>();

  /**
   * No partitions yet.
   *
   * @param maxHeld a partition is paused while this many of its records are held
   */
  Assignment(int maxHeld) {
    this.maxHeld = maxHeld;
  }

  /**
   * Adds a partition.
   *
   * @param takeover completes when its ensures may be served
   */
  void add(TopicPartition partition, long position, CompletableFuture<Void> takeover) {
    progress.put(partition, new OffsetTracker(position));
    takeovers.put(partition, takeover);
  }

  Set<TopicPartition> partitions() {
    return Set.copyOf(progress.keySet());
  }

  @Nullable OffsetTracker of(TopicPartition partition) {
    return progress.get(partition);
  }

  void advance(Map<TopicPartition, OffsetAndMetadata> next) {
    next.forEach(
        (partition, offset) -> {
          OffsetTracker at = progress.get(partition);
          if (at != null) {
            at.advanceTo(offset.offset());
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
    progress.forEach(
        (partition, at) -> {
          int held = at.held();
          heldByPartition.put(partition.partition(), held);
          (allFull || held >= maxHeld || !isTakenOver(partition) ? full : free).add(partition);
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

  /** For the gauge; asks the consumer's network thread, so not for every batch. */
  void noteLag(Consumer<byte[], byte[]> consumer) {
    for (TopicPartition partition : progress.keySet()) {
      OptionalLong lag = consumer.currentLag(partition);
      if (lag.isPresent()) {
        lagByPartition.put(partition.partition(), lag.getAsLong());
      }
    }
  }

  /** Whether what the partition's former owner left has been announced. */
  private boolean isTakenOver(TopicPartition partition) {
    CompletableFuture<Void> takeover = takeovers.get(partition);
    if (takeover == null) {
      return true;
    }
    if (!takeover.isDone()) {
      return false;
    }
    takeovers.remove(partition);
    return true;
  }

  /** What can be committed of some partitions. */
  Map<TopicPartition, OffsetAndMetadata> committable(Collection<TopicPartition> of) {
    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    for (TopicPartition partition : of) {
      OffsetTracker at = progress.get(partition);
      if (at != null) {
        at.committable().ifPresent(offset -> offsets.put(partition, new OffsetAndMetadata(offset)));
      }
    }
    return offsets;
  }

  /** What is committed already. */
  Map<TopicPartition, OffsetAndMetadata> committed() {
    Map<TopicPartition, OffsetAndMetadata> same = new HashMap<>();
    progress.forEach(
        (partition, at) -> same.put(partition, new OffsetAndMetadata(at.committedPosition())));
    return same;
  }

  void noteCommitted(Map<TopicPartition, OffsetAndMetadata> offsets) {
    offsets.forEach(
        (partition, offset) -> {
          OffsetTracker at = progress.get(partition);
          if (at != null) {
            at.committed(offset.offset());
          }
        });
  }

  /** Moves the tenure on, and tells whose lanes are at work. */
  Set<UserId> tenure(Collection<TopicPartition> of, Tenure next) {
    Set<UserId> atWork = new HashSet<>();
    for (TopicPartition partition : of) {
      OffsetTracker at = progress.get(partition);
      if (at != null) {
        at.tenure(next);
        atWork.addAll(at.usersAtWork());
      }
    }
    return atWork;
  }

  void remove(Collection<TopicPartition> gone) {
    for (TopicPartition partition : gone) {
      progress.remove(partition);
      takeovers.remove(partition);
      heldByPartition.remove(partition.partition());
      lagByPartition.remove(partition.partition());
    }
  }

  /** Records held per partition. Any thread. */
  Map<Integer, Integer> heldByPartition() {
    return Map.copyOf(heldByPartition);
  }

  /** Records not yet read per partition, where known. Any thread. */
  Map<Integer, Long> lagByPartition() {
    return Map.copyOf(lagByPartition);
  }
}
