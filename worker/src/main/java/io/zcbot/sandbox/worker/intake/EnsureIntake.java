/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.ensure.EnsureRequest;
import io.zcbot.sandbox.worker.ensure.FencedException;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.kafka.OutageLog;
import io.zcbot.sandbox.worker.sandbox.Time;
import io.zcbot.sandbox.worker.sandbox.UserLanes;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.UnreleasedInstanceIdException;
import org.apache.kafka.common.errors.WakeupException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads ensures and puts each into its user's lane. One thread polls and owns the consumer; it
 * never waits for the engine, but bounded in a rebalance.
 */
public final class EnsureIntake implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(EnsureIntake.class);

  private static final Duration POLL = Duration.ofMillis(100);

  /** What is in flight is done in milliseconds where sandboxes run already. */
  private static final Duration PAUSE_WHILE_FULL = Duration.ofMillis(5);

  private static final Duration LAG_INTERVAL = Duration.ofMillis(200);
  private static final Duration REBUILD_DELAY = Duration.ofSeconds(1);
  private static final Duration REJOIN_DELAY = Duration.ofMillis(100);

  private final Supplier<Consumer<byte[], byte[]>> consumers;
  private final Settings settings;
  private final RecordDispatcher dispatcher;
  private final Handover handover;
  private final Predecessor predecessor;
  private final Lease lease;
  private final Time time;

  private final CountDownLatch stop = new CountDownLatch(1);
  private final Thread thread;
  private final LoopMonitor monitor;
  private final OutageLog outage;
  private volatile @Nullable Consumer<byte[], byte[]> consumer;
  private volatile @Nullable String problem = "not reading ensures yet";

  // Of the poll thread.
  private final Assignment assignment;
  private final IntakeLimits limits;
  private final Rebalances.Progress progress = new PollProgress();
  private long lastLag;

  /** What is done with an ensure, in its user's lane. */
  @FunctionalInterface
  public interface Work {
    /** Returns once the ensure is answered and the log has the answer. */
    void ensure(EnsureRequest request) throws FencedException, InterruptedException;
  }

  /**
   * How to read.
   *
   * @param partitionCount how many partitions every topic has
   * @param maxOpenRecords a partition is paused while this many of its records are in flight
   * @param ensureExpiry counted from the record's time, where an ensure doesn't say
   * @param revokeTimeout longest wait for running work when partitions are taken away
   * @param leaveAtStop whether a stop gives the partitions to others at once; otherwise they wait
   *     for this worker's return until its session ends
   * @param stopTimeout longest that a stop takes, though nothing answers
   */
  public record Settings(
      String topic,
      int partitionCount,
      int maxOpenRecords,
      Duration ensureExpiry,
      Duration revokeTimeout,
      boolean leaveAtStop,
      Duration stopTimeout) {}

  /** A dead process that the group still takes for this worker. */
  @FunctionalInterface
  public interface Predecessor {
    /** Removes it from the group, if it is certain that it is dead. */
    void remove();
  }

  /**
   * Creates the intake; {@link #start} starts it.
   *
   * @param consumers makes a consumer that is in the workers' group and commits nothing by itself
   */
  public EnsureIntake(
      Supplier<Consumer<byte[], byte[]>> consumers,
      Settings settings,
      UserLanes lanes,
      Work work,
      RecordForwarding diversions,
      Handover handover,
      Predecessor predecessor,
      Time time,
      IntakeMetrics metrics) {
    this.consumers = consumers;
    this.settings = settings;
    this.limits = new IntakeLimits(settings, this::stopping);
    this.lease = new Lease(time);
    this.dispatcher =
        new RecordDispatcher(
            new KeyPartitions(settings.partitionCount()),
            settings.ensureExpiry(),
            lanes,
            work,
            diversions,
            lease,
            time,
            metrics);
    this.handover = handover;
    this.predecessor = predecessor;
    this.time = time;
    this.assignment = new Assignment(settings.maxOpenRecords());
    this.thread = Thread.ofPlatform().name("ensure-intake").unstarted(this::run);
    this.monitor = new LoopMonitor(thread, time);
    this.outage = new OutageLog(log, time);
  }

  /** Starts reading. */
  public void start() {
    monitor.start();
  }

  /** Why only a restart helps: the poll thread is dead or stuck; null while it is neither. */
  public @Nullable String fatalProblem() {
    return monitor.problem();
  }

  /** Why ensures are not being read; null while they are. */
  public @Nullable String problem() {
    return problem;
  }

  /** Records in flight per assigned partition. */
  public Map<Integer, Integer> inFlightByPartition() {
    return assignment.inFlightByPartition();
  }

  /** Records not yet read per assigned partition, where known. */
  public Map<Integer, Long> lagByPartition() {
    return assignment.lagByPartition();
  }

  private boolean stopping() {
    return stop.getCount() == 0;
  }

  private void run() {
    while (!stopping()) {
      monitor.round();
      Consumer<byte[], byte[]> fresh = null;
      Rebalances rebalances = null;
      try {
        fresh = consumers.get();
        consumer = fresh;
        OffsetCommits commits = new OffsetCommits(fresh, assignment, time);
        rebalances = new Rebalances(fresh, commits, assignment, handover, limits, progress, time);
        fresh.subscribe(List.of(settings.topic()), rebalances);
        pollUntilStopped(fresh, commits);
        // Leaving: what was read but not begun is left to the partitions' next owner.
        rebalances.onPartitionsRevoked(fresh.assignment());
      } catch (UnreleasedInstanceIdException e) {
        problem = "a previous run of this worker is still a member of the group";
        log.info("{}", problem);
        predecessor.remove();
        pause(REJOIN_DELAY);
      } catch (Throwable e) {
        // Whatever it is: without this thread the worker would serve nobody and look well.
        problem = "reading " + settings.topic() + " failed: " + e;
        outage.failed(
            "reading ensures failed; starting over with a new consumer: " + e,
            e instanceof KafkaException ? null : e);
        if (rebalances != null) {
          rebalances.loseAll();
        }
        pause(REBUILD_DELAY);
      } finally {
        close(fresh);
      }
    }
    problem = "stopped";
  }

  private void close(@Nullable Consumer<byte[], byte[]> used) {
    if (used == null) {
      return;
    }
    boolean leave = stopping() && settings.leaveAtStop();
    try {
      used.close(
          CloseOptions.timeout(limits.call())
              .withGroupMembershipOperation(
                  leave
                      ? CloseOptions.GroupMembershipOperation.LEAVE_GROUP
                      : CloseOptions.GroupMembershipOperation.REMAIN_IN_GROUP));
    } catch (KafkaException e) {
      log.warn("the consumer did not close cleanly: {}", e.getMessage());
    }
  }

  private void pollUntilStopped(Consumer<byte[], byte[]> consumer, OffsetCommits commits) {
    lease.renew();
    while (!stopping()) {
      monitor.round();
      ConsumerRecords<byte[], byte[]> records;
      try {
        // This thread may not have run for long, and the group given its partitions away meanwhile.
        if (lease.isValid() || commits.isMember(limits.call())) {
          lease.renew();
        }
        records = consumer.poll(dispatcher.isFull() ? PAUSE_WHILE_FULL : POLL);
      } catch (WakeupException _) {
        return; // only close() wakes the consumer up
      }
      for (ConsumerRecord<byte[], byte[]> record : records) {
        OffsetTracker at = assignment.of(new TopicPartition(record.topic(), record.partition()));
        if (at == null) {
          throw new IllegalStateException("a record of a partition never assigned: " + record);
        }
        dispatcher.accept(record, at);
      }
      assignment.advance(records.nextOffsets());
      assignment.regulate(consumer, dispatcher.isFull());
      if (time.nanos() - lastLag >= LAG_INTERVAL.toNanos()) {
        lastLag = time.nanos();
        assignment.noteLag(consumer);
      }
      if (problem != null && consumer.groupMetadata().generationId() > 0) {
        problem = null; // a member, though perhaps with no partition as yet
        outage.works("ensures are read again");
      }
      commits.commitWhereDue();
    }
  }

  private final class PollProgress implements Rebalances.Progress {
    @Override
    public void isMember() {
      lease.renew();
      monitor.round();
    }

    @Override
    public void assigned() {
      isMember();
      problem = null;
      outage.works("ensures are read again");
    }
  }

  private void pause(Duration delay) {
    try {
      var _ = stop.await(delay.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      stop.countDown();
    }
  }

  /** Stops reading, waits bounded for what runs, commits, leaves the group. */
  @Override
  public void close() {
    monitor.stopping();
    stop.countDown();
    Consumer<byte[], byte[]> current = consumer;
    if (current != null) {
      current.wakeup();
    }
    try {
      boolean started = thread.getState() != Thread.State.NEW;
      if (started && !thread.join(settings.stopTimeout())) {
        log.warn("the poll thread does not end; leaving it behind");
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    dispatcher.close();
  }
}
