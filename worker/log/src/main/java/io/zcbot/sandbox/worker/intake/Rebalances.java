/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.sandbox.Ownership;
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Handles the rebalances of one consumer: partitions that are assigned, revoked and lost. Confined
 * to the poll thread, on which the client calls it within a poll.
 */
final class Rebalances implements ConsumerRebalanceListener {
  private static final Logger log = LoggerFactory.getLogger(Rebalances.class);

  private static final Duration LOOK_AGAIN = Duration.ofMillis(100);

  private final Consumer<byte[], byte[]> consumer;
  private final MemberCommits commits;
  private final Assignment assignment;
  private final Handover handover;
  private final IntakeLimits limits;
  private final Progress progress;
  private final Time time;

  /** What the intake does for rebalances. */
  interface Progress {
    /** A sign of life of the poll thread, which waits and does not poll. */
    void waits();

    /** The group assigned partitions. */
    void assigned();
  }

  Rebalances(
      Consumer<byte[], byte[]> consumer,
      MemberCommits commits,
      Assignment assignment,
      Handover handover,
      IntakeLimits limits,
      Progress progress,
      Time time) {
    this.consumer = consumer;
    this.commits = commits;
    this.assignment = assignment;
    this.handover = handover;
    this.limits = limits;
    this.progress = progress;
    this.time = time;
  }

  @Override
  public void onPartitionsAssigned(Collection<TopicPartition> assigned) {
    List<TopicPartition> served = assignment.served(assigned);
    if (!served.isEmpty()) {
      log.info("assigned partitions {}", Assignment.numbers(served));
      Map<TopicPartition, OffsetAndMetadata> positions = commits.positions(served, limits.call());
      // Nothing below may fail: partitions would be owned and not read.
      positions.forEach(assignment::add);
      Map<Integer, Ownership> begun = new TreeMap<>();
      Assignment.numbers(served).forEach(number -> begun.put(number, assignment.of(number)));
      assignment.takeOver(handover.assigned(begun));
    }
    consumer.pause(assigned);
    progress.assigned();
  }

  @Override
  public void onPartitionsRevoked(Collection<TopicPartition> gone) {
    // The consumer's close names partitions again that were revoked by this worker's stop.
    Set<TopicPartition> revoked = new HashSet<>(gone);
    revoked.retainAll(assignment.partitions());
    if (revoked.isEmpty()) {
      return;
    }
    log.info("partitions {} were revoked", Assignment.numbers(revoked));
    assignment.revoke(revoked);
    Duration patience = limits.revoke();
    if (!await(handover.released(Assignment.numbers(revoked)), patience)) {
      log.warn(
          "work of partitions {} is still running after {}; their next owner repeats it",
          Assignment.numbers(revoked),
          patience);
    }
    assignment.lose(revoked);
    commits.commitFinally(revoked, limits.call());
    assignment.remove(revoked);
    progress.waits(); // a wake-up may have ended in the commit: the poll around it would not end
  }

  @Override
  public void onPartitionsLost(Collection<TopicPartition> gone) {
    log.warn("lost partitions {}: another worker may already own them", Assignment.numbers(gone));
    lose(gone);
    progress.waits();
  }

  /** Loses all partitions, because the consumer failed. */
  void loseAll() {
    lose(assignment.partitions());
  }

  private void lose(Collection<TopicPartition> lost) {
    if (!lost.isEmpty()) {
      assignment.lose(lost);
      assignment.remove(lost);
      handover.lost(Assignment.numbers(lost));
    }
  }

  /**
   * Waits up to a limit, and keeps the lease valid meanwhile, as the thread cannot poll.
   *
   * @return whether the partitions were released in time
   */
  private boolean await(CompletableFuture<Void> released, Duration patience) {
    long deadline = time.nanos() + patience.toNanos();
    while (true) {
      progress.waits();
      long left = deadline - time.nanos();
      if (left > 0) {
        commits.holdLease(Duration.ofNanos(Math.min(left, limits.call().toNanos())));
      }
      try {
        released.get(Math.clamp(left, 0, LOOK_AGAIN.toNanos()), TimeUnit.NANOSECONDS);
        return true;
      } catch (TimeoutException _) {
        if (left <= 0) {
          return false;
        }
      } catch (ExecutionException e) {
        log.error("handing over partitions failed; please report this", e);
        return true;
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
        return false;
      }
    }
  }
}
