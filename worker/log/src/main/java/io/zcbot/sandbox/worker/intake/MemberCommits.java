/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.base.ClockReading;
import io.zcbot.sandbox.worker.base.Time;
import java.time.Duration;
import java.util.Map;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.OffsetMetadataTooLarge;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.errors.TimeoutException;

/**
 * The commits of a member of the group. Each commit that the group acknowledges proves that this
 * worker is a member, and renews its lease. Confined to the poll thread.
 */
final class MemberCommits extends OffsetCommits {
  private final Assignment assignment;
  private final Lease lease;

  MemberCommits(Consumer<byte[], byte[]> consumer, Assignment assignment, Time time) {
    super(consumer, assignment, time);
    this.assignment = assignment;
    this.lease = assignment.lease();
  }

  @Override
  void acknowledged(ClockReading asked, Map<TopicPartition, OffsetAndMetadata> offsets) {
    lease.renew(asked);
  }

  /**
   * Commits what is new in all partitions. If nothing is new for long, it commits one offset again,
   * because the group's answer renews the lease.
   */
  void commitWhereDue() {
    commitWhereDue(assignment.partitions());
    if (isDue() && lease.isAging()) {
      commitLater(assignment.oneCommitted());
    }
  }

  /**
   * Asks the group whether this worker still is a member, by a commit: the group itself answers it,
   * while a poll would not tell at once. It commits the newest offsets, because older ones would
   * undo a commit that is under way.
   *
   * @return whether the group answered
   */
  boolean isMember(Duration limit) {
    Map<TopicPartition, OffsetAndMetadata> newest = assignment.committed();
    newest.putAll(assignment.committable(newest.keySet()));
    ClockReading asked = ClockReading.now(time);
    try {
      if (!newest.isEmpty()) {
        consumer.commitSync(newest, limit);
        assignment.noteCommitted(newest);
      }
      lease.renew(asked);
      return true;
    } catch (OffsetMetadataTooLarge _) {
      forgoMetadata();
      return isMember(limit);
    } catch (RebalanceInProgressException _) {
      // The client refuses without asking the group; only a poll completes the rebalance.
      return false;
    } catch (TimeoutException e) {
      outage.failed(
          "the group coordinator does not answer; nothing is announced until it does: "
              + e.getMessage());
      return false;
    }
  }

  /** Renews the lease if it would end soon, while the thread waits and cannot poll. */
  void holdLease(Duration limit) {
    try {
      if (lease.isAging()) {
        var _ = isMember(limit);
      }
    } catch (KafkaException e) {
      outage.failed("the group refuses this worker; nothing is announced: " + e.getMessage());
    }
  }
}
