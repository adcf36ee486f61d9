/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.base.Time;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.BiConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/**
 * Reports execs as committed once they have been for a minute and the group acknowledged them again
 * after it. The listener then forgets that their commands were started. Both are needed because a
 * late commit of a former owner can take back what this worker committed, which nobody tells it,
 * and the execs would be read again. Confined to the poll thread.
 */
final class CommittedExecs {
  static final Duration PROVEN = Duration.ofMinutes(1);

  private static final long NOTHING = -1;

  private final String topic;
  private final BiConsumer<Integer, Long> listener;
  private final Time time;
  private final Map<Integer, Progress> partitions = new HashMap<>();

  private record Commit(long offset, long at) {}

  private static final class Progress {
    final Deque<Commit> unproven = new ArrayDeque<>();
    long proven = NOTHING;

    void note(long offset, long now) {
      Commit last = unproven.peekLast();
      if (offset < (last == null ? proven : last.offset)) {
        unproven.clear(); // the log lost its tail, and has other execs there
        proven = NOTHING;
        last = null;
      }
      // One commit a second is enough to remember.
      if (last == null
          ? offset > proven
          : offset > last.offset && now - last.at >= Duration.ofSeconds(1).toNanos()) {
        unproven.addLast(new Commit(offset, now));
      }
    }

    boolean isDue(long now) {
      return !unproven.isEmpty() && now - unproven.getFirst().at >= PROVEN.toNanos();
    }

    void acknowledged(long offset, long asked) {
      while (isDue(asked) && unproven.getFirst().offset <= offset) {
        proven = unproven.removeFirst().offset;
      }
    }
  }

  /**
   * Starts with no commits.
   *
   * @param topic of the execs
   * @param listener is called with a partition and the offset below which its execs are committed
   */
  CommittedExecs(String topic, BiConsumer<Integer, Long> listener, Time time) {
    this.topic = topic;
    this.listener = listener;
    this.time = time;
  }

  private boolean isOfExecs(TopicPartition partition) {
    return partition.topic().equals(topic);
  }

  /** Notes the committed offsets, of all topics, and reports; called periodically. */
  void note(Map<TopicPartition, OffsetAndMetadata> committed) {
    long now = time.nanos();
    committed.forEach(
        (partition, offset) -> {
          if (isOfExecs(partition)) {
            int number = partition.partition();
            Progress progress = partitions.computeIfAbsent(number, _ -> new Progress());
            progress.note(offset.offset(), now);
            if (progress.proven != NOTHING) {
              listener.accept(number, progress.proven);
            }
          }
        });
  }

  /** Partitions whose offsets have been committed for a minute and must be committed again. */
  Set<TopicPartition> due() {
    long now = time.nanos();
    Set<TopicPartition> due = new HashSet<>();
    partitions.forEach(
        (number, progress) -> {
          if (progress.isDue(now)) {
            due.add(new TopicPartition(topic, number));
          }
        });
    return due;
  }

  /**
   * Notes which offsets, of all topics, the group acknowledged.
   *
   * @param asked when the commit was sent, on the monotonic clock
   */
  void acknowledged(long asked, Map<TopicPartition, OffsetAndMetadata> offsets) {
    offsets.forEach(
        (partition, offset) -> {
          Progress progress = isOfExecs(partition) ? partitions.get(partition.partition()) : null;
          if (progress != null) {
            progress.acknowledged(offset.offset(), asked);
          }
        });
  }

  /** Forgets a partition that this worker no longer owns. */
  void forget(int partition) {
    partitions.remove(partition);
  }
}
