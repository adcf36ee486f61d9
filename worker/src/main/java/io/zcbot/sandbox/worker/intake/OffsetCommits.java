/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.kafka.Denials;
import io.zcbot.sandbox.worker.kafka.OutageLog;
import io.zcbot.sandbox.worker.sandbox.Time;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
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

/** Commits the offsets of finished records, for one consumer. Confined to the poll thread. */
final class OffsetCommits {
  private static final Logger log = LoggerFactory.getLogger(OffsetCommits.class);

  private static final Duration INTERVAL = Duration.ofMillis(200);

  private final Consumer<byte[], byte[]> consumer;
  private final TrackedPartitions tracked;
  private final Time time;
  private boolean underWay;
  private @Nullable String denial;
  private long last;
  private final OutageLog outage;

  OffsetCommits(Consumer<byte[], byte[]> consumer, TrackedPartitions tracked, Time time) {
    this.consumer = consumer;
    this.tracked = tracked;
    this.time = time;
    this.last = time.nanos() - INTERVAL.toNanos();
    this.outage = new OutageLog(log, time);
  }

  /**
   * Where reading begins, with what was committed there.
   *
   * @throws KafkaException if the group does not tell
   */
  Map<TopicPartition, OffsetAndMetadata> positions(
      Collection<TopicPartition> partitions, Duration limit) {
    Map<TopicPartition, OffsetAndMetadata> committed =
        consumer.committed(Set.copyOf(partitions), limit);
    Map<TopicPartition, OffsetAndMetadata> positions = new HashMap<>();
    for (TopicPartition partition : partitions) {
      long position = consumer.position(partition, limit);
      OffsetAndMetadata at = committed.get(partition);
      positions.put(
          partition, at != null && at.offset() == position ? at : new OffsetAndMetadata(position));
    }
    return positions;
  }

  /**
   * Commits what is new, without waiting, unless a commit is under way or was made just now.
   *
   * @param partitions of which to commit
   */
  void commitWhereDue(Collection<TopicPartition> partitions) {
    if (underWay || time.nanos() - last < INTERVAL.toNanos()) {
      return;
    }
    commitLater(tracked.committable(partitions));
  }

  /** Commits what is committed already, without waiting, so that the group does not forget it. */
  void renew(Collection<TopicPartition> partitions) {
    if (!underWay) {
      Map<TopicPartition, OffsetAndMetadata> same = tracked.committed();
      same.keySet().retainAll(partitions);
      commitLater(same);
    }
  }

  private void commitLater(Map<TopicPartition, OffsetAndMetadata> offsets) {
    if (offsets.isEmpty()) {
      return;
    }
    underWay = true;
    last = time.nanos();
    consumer.commitAsync(
        offsets,
        (done, failure) -> {
          underWay = false;
          denial =
              failure != null && Denials.isDenial(failure)
                  ? Denials.reason(AclOperation.READ, failure, failure.toString())
                  : null;
          if (failure == null) {
            tracked.noteCommitted(done);
            outage.works("offsets are committed again");
          } else if (failure instanceof OffsetMetadataTooLarge) {
            forgoMetadata();
          } else {
            outage.failed("a commit failed, will be tried again: " + failure.getMessage());
          }
        });
  }

  /** Why commits are refused; null if they are not. */
  @Nullable String denial() {
    return denial;
  }

  /** Commits what is done of partitions that go away, and waits for the group's answer. */
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
      consumer.commitSync(offsets, limit); // the wake-up told of the stop, which is known already
    }
  }

  private void forgoMetadata() {
    log.warn(
        "the brokers' offset.metadata.max.bytes is below {}: records that complete behind one that"
            + " does not will be worked on again after a kill",
        CompletedOffsets.MAX_CHARS);
    tracked.forgoMetadata();
  }

  /**
   * Asks the group whether this worker still is a member, by committing what is committed already:
   * a commit is answered by the group itself, where a poll would not tell at once.
   *
   * @return whether the group answered
   */
  boolean isMember(Duration limit) {
    Map<TopicPartition, OffsetAndMetadata> same = tracked.committed();
    try {
      if (!same.isEmpty()) {
        consumer.commitSync(same, limit);
      }
      return true;
    } catch (TimeoutException e) {
      outage.failed(
          "the group coordinator does not answer; nothing is announced until it does: "
              + e.getMessage());
      return false;
    }
  }
}
