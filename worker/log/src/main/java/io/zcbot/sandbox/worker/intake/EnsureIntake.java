/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.ensure.EnsureRequest;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.UserLanes;
import io.zcbot.sandbox.worker.trace.Tracing;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.UnreleasedInstanceIdException;
import org.apache.kafka.common.errors.WakeupException;
import org.jspecify.annotations.Nullable;

/**
 * Reads ensures and puts each into its user's lane. One thread polls and owns the consumer; it
 * waits for the engine only in a rebalance, for a limited time.
 */
public final class EnsureIntake implements AutoCloseable {
  private static final Duration POLL = Duration.ofMillis(100);

  /** Ensures of running sandboxes are answered within milliseconds. */
  private static final Duration PAUSE_WHILE_FULL = Duration.ofMillis(5);

  /** The consumer asks its other thread for the lag of each partition, which wakes both threads. */
  private static final Duration LAG_INTERVAL = Duration.ofSeconds(5);

  private static final Duration OVERDUE_INTERVAL = Duration.ofMillis(200);

  private static final Duration REJOIN_DELAY = Duration.ofMillis(100);

  private final Group group;
  private final Settings settings;
  private final RecordDispatcher dispatcher;
  private final Lease lease;
  private final Time time;
  private final PollLoop loop;
  private final IntakeLimits limits;

  // Confined to the poll thread.
  private final Assignment assignment;
  private final Rebalances.Progress progress = new PollProgress();
  private long lastLag;
  private long lastOverdue;

  /** Answers an ensure, in its user's lane. */
  @FunctionalInterface
  public interface Work {
    /** Returns once the ensure is answered and the log has the answer. */
    void ensure(EnsureRequest request) throws FencedException, InterruptedException;
  }

  /**
   * The settings of the intake.
   *
   * @param partitionCount the number of partitions that every topic has
   * @param ensureExpiry from the record's time on, for an ensure without {@code expires_at}
   * @param revokeTimeout longest wait for running work when partitions are revoked
   * @param leaveAtStop whether a stop gives the partitions to others at once; if not, they wait for
   *     this worker's return until its session ends
   * @param stopTimeout longest that a stop takes, even if nothing answers
   */
  public record Settings(
      int partitionCount,
      Duration ensureExpiry,
      Duration revokeTimeout,
      boolean leaveAtStop,
      Duration stopTimeout,
      Tracing tracing) {
    public Settings(
        int partitionCount,
        Duration ensureExpiry,
        Duration revokeTimeout,
        boolean leaveAtStop,
        Duration stopTimeout) {
      this(partitionCount, ensureExpiry, revokeTimeout, leaveAtStop, stopTimeout, Tracing.OFF);
    }
  }

  /**
   * This worker's part in the consumer group.
   *
   * @param consumers makes a consumer that is in the group and commits nothing by itself
   * @param assignment the partitions that the group assigned to this worker
   * @param handover is notified of what happens to partitions and so to their users
   */
  public record Group(
      Supplier<Consumer<byte[], byte[]>> consumers,
      Assignment assignment,
      Handover handover,
      Predecessor predecessor) {}

  /** A dead previous process that the group still regards as this worker. */
  @FunctionalInterface
  public interface Predecessor {
    /** Removes it from the group if it is certainly dead. */
    void remove();
  }

  /** Creates the intake; {@link #start} starts it. */
  public EnsureIntake(
      Group group,
      Settings settings,
      UserLanes lanes,
      Work work,
      RecordForwarding forwarding,
      Time time,
      IntakeMetrics metrics) {
    this.group = group;
    this.assignment = group.assignment();
    this.settings = settings;
    this.time = time;
    this.lease = assignment.lease();
    LaneWork laneWork = new LaneWork(lanes, settings.tracing());
    this.dispatcher =
        new RecordDispatcher(
            new KeyPartitions(settings.partitionCount()),
            settings.ensureExpiry(),
            laneWork,
            work,
            forwarding,
            time,
            metrics);
    this.loop = new PollLoop("ensure-intake", "ensures", group.consumers(), new Polling(), time);
    this.limits = new IntakeLimits(settings, loop::isStopping);
  }

  public void start() {
    loop.start();
  }

  /** Why only a restart of the worker helps: the poll thread is dead or stuck; null if neither. */
  public @Nullable String fatalProblem() {
    return loop.fatalProblem();
  }

  /** Why some or all ensures are not read; null while all are. */
  public @Nullable String problem() {
    String problem = loop.problem();
    List<TopicPartition> silent = assignment.silent();
    return problem == null && !silent.isEmpty()
        ? "not all ensures are read: partitions %s can't be reached".formatted(silent)
        : problem;
  }

  /** Records in flight, by assigned partition. */
  public Map<Integer, Integer> inFlightByPartition() {
    return assignment.inFlightByPartition();
  }

  /** Records not yet read, by assigned partition where known. */
  public Map<Integer, Long> lagByPartition() {
    return assignment.lagByPartition();
  }

  /** By assigned partition, for how long an ensure has been overdue; zero if none is. */
  public Map<Integer, Duration> overdueByPartition() {
    return assignment.overdueByPartition();
  }

  /** Why some ensures are overdue or will not be answered; null if there are none. */
  public @Nullable String progressProblem() {
    return assignment.progressProblem();
  }

  private final class Polling implements PollLoop.Polling {
    @Override
    public void poll(Consumer<byte[], byte[]> consumer) {
      MemberCommits commits = new MemberCommits(consumer, assignment, time);
      Rebalances rebalances =
          new Rebalances(consumer, commits, assignment, group.handover(), limits, progress, time);
      try {
        consumer.subscribe(List.of(assignment.topic()), rebalances);
        pollUntilStopped(consumer, commits);
        // Gives the partitions up; their next owner works on what was read but not begun.
        rebalances.onPartitionsRevoked(consumer.assignment());
      } catch (UnreleasedInstanceIdException e) {
        loop.fails("a previous run of this worker is still a member of the group");
        group.predecessor().remove();
        loop.pause(REJOIN_DELAY);
      } catch (Throwable e) {
        rebalances.loseAll();
        throw e;
      }
    }

    @Override
    public void close(Consumer<byte[], byte[]> consumer) {
      boolean leave = loop.isStopping() && settings.leaveAtStop();
      consumer.close(
          CloseOptions.timeout(limits.call())
              .withGroupMembershipOperation(
                  leave
                      ? CloseOptions.GroupMembershipOperation.LEAVE_GROUP
                      : CloseOptions.GroupMembershipOperation.REMAIN_IN_GROUP));
    }
  }

  private void pollUntilStopped(Consumer<byte[], byte[]> consumer, MemberCommits commits) {
    while (!loop.isStopping()) {
      loop.round();
      ConsumerRecords<byte[], byte[]> records;
      try {
        // If the group has not answered for long, it may have given the partitions away.
        if (assignment.partitions().isEmpty()) {
          lease.renew();
        } else if (!lease.isValid()) {
          var _ = commits.isMember(limits.call());
        }
        records = consumer.poll(dispatcher.isFull() ? PAUSE_WHILE_FULL : POLL);
      } catch (WakeupException e) {
        loop.woken(e);
        return;
      }
      for (TopicPartition partition : records.partitions()) {
        OffsetTracker at = assignment.tracker(partition);
        if (at == null) {
          throw new IllegalStateException("records of " + partition + ", which was never assigned");
        }
        for (ConsumerRecord<byte[], byte[]> record : records.records(partition)) {
          if (!at.skip(record.offset(), record.leaderEpoch())) {
            dispatcher.accept(record, at, assignment.of(record.partition()));
          }
        }
      }
      assignment.advance(records.nextOffsets());
      assignment.regulate(consumer, dispatcher.isFull(), dispatcher.isFullOfDiverted());
      noteProgress(consumer, time.nanos());
      if (!records.isEmpty()) {
        loop.read();
      } else if (loop.problem() != null && consumer.groupMetadata().generationId() > 0) {
        loop.works(assignment.isFetched(consumer)); // a member, perhaps without partitions
      }
      commits.commitWhereDue();
    }
  }

  private void noteProgress(Consumer<byte[], byte[]> consumer, long now) {
    if (now - lastLag >= LAG_INTERVAL.toNanos()) {
      lastLag = now;
      assignment.noteLag(consumer, now);
    }
    if (now - lastOverdue >= OVERDUE_INTERVAL.toNanos()) {
      lastOverdue = now;
      assignment.noteOverdue(now);
    }
  }

  private final class PollProgress implements Rebalances.Progress {
    @Override
    public void waits() {
      loop.round();
    }

    @Override
    public void assigned() {
      loop.round();
      loop.works(false);
    }
  }

  /** Stops reading, waits for running work within a bound, commits, closes the consumer. */
  @Override
  public void close() {
    loop.stop(settings.stopTimeout());
    dispatcher.close();
  }
}
