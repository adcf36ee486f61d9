/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.ensure.EnsureRequest;
import io.zcbot.sandbox.worker.intake.OffsetTracker.Tenure;
import io.zcbot.sandbox.worker.sandbox.Time;
import io.zcbot.sandbox.worker.sandbox.UserLanes;
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
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

  /** While nothing is read: what is held is done in milliseconds where sandboxes run already. */
  private static final Duration BREATH = Duration.ofMillis(5);

  private static final Duration LAG_INTERVAL = Duration.ofMillis(200);
  private static final Duration COMMIT_INTERVAL = Duration.ofMillis(200);
  private static final Duration CALL_TIMEOUT = Duration.ofSeconds(5);
  private static final Duration REBUILD_DELAY = Duration.ofSeconds(1);
  private static final Duration REJOIN_DELAY = Duration.ofMillis(100);

  private final Supplier<Consumer<byte[], byte[]>> consumers;
  private final Settings settings;
  private final RecordDispatcher reception;
  private final Handover handover;
  private final Predecessor predecessor;
  private final Lease lease;
  private final Time time;

  private final CountDownLatch stop = new CountDownLatch(1);
  private final Thread thread;
  private final LoopMonitor monitor;
  private volatile @Nullable Consumer<byte[], byte[]> consumer;
  private volatile @Nullable String problem = "not reading ensures yet";

  // Of the poll thread.
  private final Assignment assignment;
  private boolean commitInFlight;
  private long lastCommit;
  private long lastLag;

  /** What is done with an ensure, in its user's lane. */
  @FunctionalInterface
  public interface Work {
    /** Returns once the ensure is answered and the log has the answer. */
    void ensure(EnsureRequest request) throws InterruptedException;
  }

  /**
   * How to read.
   *
   * @param partitionCount how many partitions every topic has
   * @param maxOpenRecords a partition is paused while this many of its records are held
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
      Duration stopTimeout) {
    /** How long running work is waited for. */
    private Duration patience(boolean stopping) {
      Duration half = stopTimeout.dividedBy(2);
      return stopping && half.compareTo(revokeTimeout) < 0 ? half : revokeTimeout;
    }

    private Duration callTimeout(boolean stopping) {
      Duration share = stopTimeout.dividedBy(6);
      return stopping && share.compareTo(CALL_TIMEOUT) < 0 ? share : CALL_TIMEOUT;
    }
  }

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
    this.lease = new Lease(time);
    this.reception =
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

  /** Records held per assigned partition. */
  public Map<Integer, Integer> heldByPartition() {
    return assignment.heldByPartition();
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
      try {
        fresh = consumers.get();
        consumer = fresh;
        fresh.subscribe(List.of(settings.topic()), new Rebalances(fresh));
        pollUntilStopped(fresh);
      } catch (UnreleasedInstanceIdException e) {
        problem = "an earlier life of this worker is still a member of the group";
        log.info("{}", problem);
        predecessor.remove();
        pause(REJOIN_DELAY);
      } catch (Throwable e) {
        // Whatever it is: a thread that ends would leave a worker that serves nobody and looks
        // well.
        problem = "reading " + settings.topic() + " failed: " + e;
        log.error("reading {} failed; starting over with a new consumer", settings.topic(), e);
        forgetAll();
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
          CloseOptions.timeout(settings.callTimeout(stopping()))
              .withGroupMembershipOperation(
                  leave
                      ? CloseOptions.GroupMembershipOperation.LEAVE_GROUP
                      : CloseOptions.GroupMembershipOperation.REMAIN_IN_GROUP));
    } catch (KafkaException e) {
      log.warn("the consumer did not close cleanly: {}", e.getMessage());
    }
  }

  private void pollUntilStopped(Consumer<byte[], byte[]> consumer) {
    lease.renew();
    while (!stopping()) {
      monitor.round();
      ConsumerRecords<byte[], byte[]> records;
      try {
        if (!lease.isValid()) {
          verifyMembership(consumer);
        } else {
          lease.renew();
        }
        records = consumer.poll(reception.isFull() ? BREATH : POLL);
      } catch (WakeupException _) {
        break; // only close() wakes the consumer up
      }
      for (ConsumerRecord<byte[], byte[]> record : records) {
        OffsetTracker at = assignment.of(new TopicPartition(record.topic(), record.partition()));
        if (at == null) {
          throw new IllegalStateException("a record of a partition never assigned: " + record);
        }
        reception.accept(record, at);
      }
      assignment.advance(records.nextOffsets());
      assignment.regulate(consumer, reception.isFull());
      if (time.nanos() - lastLag >= LAG_INTERVAL.toNanos()) {
        lastLag = time.nanos();
        assignment.noteLag(consumer);
      }
      if (problem != null && consumer.groupMetadata().generationId() > 0) {
        problem = null; // a member, though perhaps with no partition as yet
      }
      commit(consumer);
    }
    // Leaving: what was read but not begun is left to whoever reads next.
    new Rebalances(consumer).onPartitionsRevoked(consumer.assignment());
  }

  /**
   * This thread did not run for long. The group may have given its partitions away meanwhile, and a
   * poll would not say so at once; a commit is answered by the group itself.
   */
  private void verifyMembership(Consumer<byte[], byte[]> consumer) {
    Map<TopicPartition, OffsetAndMetadata> same = assignment.committed();
    try {
      if (!same.isEmpty()) {
        consumer.commitSync(same, settings.callTimeout(stopping()));
      }
      lease.renew();
    } catch (org.apache.kafka.common.errors.TimeoutException e) {
      log.warn("the group does not answer; announcing nothing until it does: {}", e.getMessage());
    }
  }

  private void commit(Consumer<byte[], byte[]> consumer) {
    if (commitInFlight || time.nanos() - lastCommit < COMMIT_INTERVAL.toNanos()) {
      return;
    }
    Map<TopicPartition, OffsetAndMetadata> offsets =
        assignment.committable(assignment.partitions());
    if (offsets.isEmpty()) {
      return;
    }
    commitInFlight = true;
    lastCommit = time.nanos();
    consumer.commitAsync(
        offsets,
        (done, failure) -> {
          commitInFlight = false;
          if (failure == null) {
            assignment.noteCommitted(done);
          } else {
            log.warn("a commit failed, will be tried again: {}", failure.getMessage());
          }
        });
  }

  /** What a broken consumer had assigned is lost. */
  private void forgetAll() {
    lose(assignment.partitions());
    commitInFlight = false;
  }

  private void lose(Collection<TopicPartition> lost) {
    if (!lost.isEmpty()) {
      Set<UserId> atWork = assignment.tenure(lost, Tenure.OVER);
      assignment.remove(lost);
      handover.lost(numbers(lost), atWork);
    }
  }

  private static Set<Integer> numbers(Collection<TopicPartition> partitions) {
    Set<Integer> numbers = new HashSet<>();
    partitions.forEach(partition -> numbers.add(partition.partition()));
    return numbers;
  }

  private final class Rebalances implements ConsumerRebalanceListener {
    private final Consumer<byte[], byte[]> consumer;

    Rebalances(Consumer<byte[], byte[]> consumer) {
      this.consumer = consumer;
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> assigned) {
      if (!assigned.isEmpty()) {
        log.info("assigned partitions {}", numbers(assigned));
        CompletableFuture<Void> takeover = handover.assigned(numbers(assigned));
        for (TopicPartition partition : assigned) {
          assignment.add(partition, consumer.position(partition), takeover);
        }
        consumer.pause(assigned);
      }
      lease.renew();
      problem = null;
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> gone) {
      // At the end the consumer's own close names them once more.
      Set<TopicPartition> revoked = new HashSet<>(gone);
      revoked.retainAll(assignment.partitions());
      if (revoked.isEmpty()) {
        return;
      }
      log.info("partitions {} go to another worker", numbers(revoked));
      Set<UserId> atWork = assignment.tenure(revoked, Tenure.ENDING);
      if (!await(handover.released(numbers(revoked), atWork))) {
        log.warn(
            "work of partitions {} still runs after {}; whoever has them next does it again",
            numbers(revoked),
            settings.patience(stopping()));
      }
      var _ = assignment.tenure(revoked, Tenure.OVER);
      Map<TopicPartition, OffsetAndMetadata> offsets = assignment.committable(revoked);
      if (!offsets.isEmpty()) {
        try {
          consumer.commitSync(offsets, settings.callTimeout(stopping()));
        } catch (WakeupException _) {
          commitOnce(offsets); // the stop is known already
        } catch (KafkaException e) {
          log.warn("the last commit failed, its records will be read again: {}", e.getMessage());
        }
      }
      assignment.remove(revoked);
    }

    private void commitOnce(Map<TopicPartition, OffsetAndMetadata> offsets) {
      try {
        consumer.commitSync(offsets, settings.callTimeout(stopping()));
      } catch (KafkaException e) {
        log.warn("the last commit failed, its records will be read again: {}", e.getMessage());
      }
    }

    /** Waits within the bound; a member of the group all the while, its heartbeats go on. */
    private boolean await(CompletableFuture<Void> released) {
      long deadline = time.nanos() + settings.patience(stopping()).toNanos();
      while (true) {
        lease.renew();
        monitor.round();
        long left = deadline - time.nanos();
        try {
          released.get(Math.clamp(left, 0, POLL.toNanos()), TimeUnit.NANOSECONDS);
          return true;
        } catch (TimeoutException _) {
          if (left <= 0) {
            return false;
          }
        } catch (ExecutionException e) {
          log.error("handing partitions over failed; please report this", e);
          return true;
        } catch (InterruptedException _) {
          Thread.currentThread().interrupt();
          return false;
        }
      }
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> gone) {
      log.warn("lost partitions {}: another worker may have them already", numbers(gone));
      lose(gone);
      lease.renew();
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
    reception.close();
  }
}
