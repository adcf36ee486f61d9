/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.base.ClockReading;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.kafka.Denials;
import io.zcbot.sandbox.worker.kafka.OutageLog;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SplittableRandom;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.errors.OffsetMetadataTooLarge;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.WakeupException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Commits the offsets of finished records, for one consumer. Confined to the poll thread, like the
 * consumer; the callbacks of asynchronous commits run there too.
 */
class OffsetCommits {
  private static final Logger log = LoggerFactory.getLogger(OffsetCommits.class);

  /**
   * Not shorter, because one coordinator handles the commits of all workers of the group, maybe
   * 1000.
   */
  static final Duration INTERVAL = Duration.ofSeconds(1);

  /**
   * At most this much is added to the interval, so that workers that started together do not commit
   * together.
   */
  private static final Duration JITTER = Duration.ofMillis(250);

  /**
   * For how long commits may fail before that is a problem: longer than an election or a restart.
   */
  private static final Duration TOLERATED = Duration.ofMinutes(1);

  final Consumer<byte[], byte[]> consumer;
  private final TrackedPartitions tracked;
  final Time time;
  private final SplittableRandom jitter;
  private boolean underWay;
  private boolean isUnacknowledged;
  private long unacknowledgedSince;
  private @Nullable Exception failure;
  private long due;
  final OutageLog outage;

  OffsetCommits(Consumer<byte[], byte[]> consumer, TrackedPartitions tracked, Time time) {
    this.consumer = consumer;
    this.tracked = tracked;
    this.time = time;
    this.due = time.nanos();
    this.jitter = new SplittableRandom(due);
    this.outage = new OutageLog(log, time);
  }

  /**
   * Returns where reading begins: at the committed offset, else at the first record. The leaders of
   * the partitions need not be reached: offset 0 stands in for an unknown first record, and the
   * client moves from an offset that is not in the log to the first record.
   *
   * @throws KafkaException if the group does not tell what was committed
   */
  Map<TopicPartition, OffsetAndMetadata> positions(
      Collection<TopicPartition> partitions, Duration limit) {
    Map<TopicPartition, OffsetAndMetadata> positions =
        new HashMap<>(consumer.committed(Set.copyOf(partitions), limit));
    positions.values().removeIf(Objects::isNull);
    Set<TopicPartition> others = new HashSet<>(partitions);
    others.removeAll(positions.keySet());
    Map<TopicPartition, Long> first = others.isEmpty() ? Map.of() : beginnings(others, limit);
    others.forEach(
        partition ->
            positions.put(partition, new OffsetAndMetadata(first.getOrDefault(partition, 0L))));
    return positions;
  }

  private Map<TopicPartition, Long> beginnings(Set<TopicPartition> of, Duration limit) {
    try {
      return consumer.beginningOffsets(of, limit);
    } catch (TimeoutException _) {
      return Map.of();
    }
  }

  /**
   * Called when the group acknowledged a commit.
   *
   * @param asked when the commit was sent
   * @param offsets what it committed, by partition
   */
  void acknowledged(ClockReading asked, Map<TopicPartition, OffsetAndMetadata> offsets) {}

  /**
   * Commits what is new, without waiting, unless a commit is under way or the interval is not over.
   *
   * @param partitions the partitions of which to commit
   */
  void commitWhereDue(Collection<TopicPartition> partitions) {
    commitWhereDue(partitions, Set.of());
  }

  /**
   * As {@link #commitWhereDue(Collection)}.
   *
   * @param again those of which the committed offset is committed again if nothing is new
   */
  void commitWhereDue(Collection<TopicPartition> partitions, Collection<TopicPartition> again) {
    if (isDue()) {
      Map<TopicPartition, OffsetAndMetadata> offsets = committed(partitions);
      offsets.keySet().retainAll(again);
      offsets.putAll(tracked.committable(partitions));
      commitLater(offsets);
    }
  }

  private Map<TopicPartition, OffsetAndMetadata> committed(Collection<TopicPartition> partitions) {
    Map<TopicPartition, OffsetAndMetadata> committed = tracked.committed();
    committed.keySet().retainAll(partitions);
    return committed;
  }

  final boolean isDue() {
    return !underWay && time.nanos() - due >= 0;
  }

  /** Commits the committed offsets again, without waiting, so that the brokers do not drop them. */
  void renew(Collection<TopicPartition> partitions) {
    if (!underWay) {
      commitLater(committed(partitions));
    }
  }

  final void commitLater(Map<TopicPartition, OffsetAndMetadata> offsets) {
    if (offsets.isEmpty()) {
      settled();
      return;
    }
    underWay = true;
    ClockReading asked = ClockReading.now(time);
    if (!isUnacknowledged) {
      isUnacknowledged = true;
      unacknowledgedSince = asked.nanos();
    }
    due = asked.nanos() + INTERVAL.toNanos() + jitter.nextLong(JITTER.toNanos());
    consumer.commitAsync(
        offsets,
        (done, why) -> {
          underWay = false;
          failure = why;
          if (why == null) {
            settled();
            tracked.noteCommitted(done);
            acknowledged(asked, done);
            outage.works("offsets are committed again");
          } else if (why instanceof OffsetMetadataTooLarge) {
            forgoMetadata();
          } else {
            outage.failed("a commit failed, will be tried again: " + why.getMessage());
          }
        });
  }

  /** No commit waits for the group's answer. */
  private void settled() {
    isUnacknowledged = false;
    failure = null;
  }

  /**
   * Why offsets are not committed; null if they are. A missing permission is reported at once,
   * other failures once they have lasted.
   *
   * @param now on the monotonic clock
   */
  @Nullable String problem(long now) {
    boolean hasLasted = isUnacknowledged && now - unacknowledgedSince >= TOLERATED.toNanos();
    Exception last = failure;
    if (last == null) {
      return hasLasted ? "the group's coordinator does not answer" : null;
    }
    return hasLasted || Denials.isDenial(last)
        ? Denials.reason(AclOperation.READ, last, last.toString())
        : null;
  }

  /**
   * Commits what is done in partitions that go away, and waits for the group's answer. Failures are
   * logged; the records are read again then.
   */
  void commitFinally(Collection<TopicPartition> partitions, Duration limit) {
    try {
      commitNow(partitions, limit);
    } catch (OffsetMetadataTooLarge _) {
      forgoMetadata();
      commitFinally(partitions, limit);
    } catch (KafkaException e) {
      log.warn("the last commit failed, its records will be read again: {}", e.getMessage());
    }
  }

  private void commitNow(Collection<TopicPartition> partitions, Duration limit) {
    Map<TopicPartition, OffsetAndMetadata> offsets = tracked.committable(partitions);
    if (offsets.isEmpty()) {
      return;
    }
    try {
      consumer.commitSync(offsets, limit);
    } catch (WakeupException _) {
      consumer.commitSync(offsets, limit); // PollLoop knows why it wakes us up
    }
  }

  final void forgoMetadata() {
    log.warn(
        "the brokers' offset.metadata.max.bytes is below {}: records that complete behind one that"
            + " does not will be worked on again after a kill",
        CompletedOffsets.MAX_CHARS);
    tracked.forgoMetadata();
  }
}
