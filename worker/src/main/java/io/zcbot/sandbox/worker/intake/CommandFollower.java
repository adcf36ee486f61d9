/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.commands.CommandWork;
import io.zcbot.sandbox.worker.sandbox.Time;
import io.zcbot.sandbox.worker.sandbox.UserLanes;
import io.zcbot.sandbox.worker.trace.Tracing;
import java.time.Duration;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.jspecify.annotations.Nullable;

/**
 * Reads the execs, releases and inputs of the partitions that the group gave to the intake, without
 * being a member itself. The offsets of execs and releases are committed in a group of their own;
 * inputs are followed live.
 */
public final class CommandFollower implements AutoCloseable {
  private static final Duration POLL = Duration.ofMillis(100);
  private static final Duration PAUSE_WHILE_FULL = Duration.ofMillis(5);
  private static final Duration CALL_TIMEOUT = Duration.ofSeconds(5);
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(2);
  private static final Duration TICK = Duration.ofMillis(200);

  /** Brokers forget what was committed days ago. */
  private static final Duration RENEWAL = Duration.ofHours(1);

  private final Settings settings;
  private final CommandPartitions partitions;
  private final CommandInputs inputs;
  private final CommandDispatcher dispatcher;
  private final CommittedExecs committed;
  private final TrackedPartitions tracked;
  private final Time time;
  private final PollLoop loop;
  private final Queue<Leaving> leaving = new ConcurrentLinkedQueue<>();

  private volatile @Nullable String commitProblem;

  // Of the follower's thread.
  private long lastTick;
  private long lastRenewal;

  /** The names of what is read. */
  public record Topics(String exec, String input, String release) {}

  /**
   * How to read.
   *
   * @param partitionCount how many partitions every topic has
   * @param execExpiry counted from the record's time, where an exec doesn't say
   * @param maxInFlight a partition is paused while this many of its records are in flight
   * @param tracing of the execs and releases
   */
  public record Settings(
      Topics topics, int partitionCount, Duration execExpiry, int maxInFlight, Tracing tracing) {
    /** Makes no spans. */
    public Settings(Topics topics, int partitionCount, Duration execExpiry, int maxInFlight) {
      this(topics, partitionCount, execExpiry, maxInFlight, Tracing.OFF);
    }
  }

  /**
   * Makers of consumers.
   *
   * @param committing assigns itself partitions, and commits in a group that nobody joins
   * @param free assigns itself partitions, and commits nothing
   */
  public record Consumers(
      Supplier<Consumer<byte[], byte[]>> committing, Supplier<Consumer<byte[], byte[]>> free) {}

  /**
   * The partitions to follow.
   *
   * @param holdings which are this worker's
   * @param takeover what happens before their execs are read
   */
  public record Owned(Holdings holdings, CommandTakeover takeover) {}

  private record Leaving(Set<Integer> partitions, CompletableFuture<Void> left) {}

  /** Creates the follower; {@link #start} starts it. */
  public CommandFollower(
      Consumers consumers,
      Owned owned,
      Settings settings,
      UserLanes lanes,
      CommandWork work,
      RecordForwarding forwarding,
      Time time,
      IntakeMetrics metrics) {
    this.settings = settings;
    this.time = time;
    this.lastRenewal = time.nanos();
    this.tracked = new TrackedPartitions(settings.maxInFlight());
    this.committed = new CommittedExecs(work::committed, time);
    this.inputs =
        new CommandInputs(
            work, new InputDetours(consumers.free(), work, Places.drawn(), time), time, metrics);
    this.partitions =
        new CommandPartitions(
            settings.topics(), settings.partitionCount(), owned, work, inputs, tracked, time);
    this.dispatcher =
        new CommandDispatcher(settings, lanes, work, inputs, forwarding, time, metrics);
    this.loop =
        new PollLoop("command-follower", "commands", consumers.committing(), new Following(), time);
  }

  /** Starts following the partitions that are this worker's. */
  public void start() {
    loop.start();
  }

  /** Why only a restart helps: the thread is dead or stuck; null while it is neither. */
  public @Nullable String fatalProblem() {
    return loop.fatalProblem();
  }

  /** Why commands are not being read, or not committed; null while they are. */
  public @Nullable String problem() {
    String problem = loop.problem();
    String uncommitted = commitProblem;
    String unreached = partitions.unreached();
    if (problem != null) {
      return problem;
    }
    return uncommitted != null
        ? "execs that are done can't be committed: " + uncommitted
        : unreached == null ? null : "not all commands are read: " + unreached;
  }

  /** Execs in flight per partition. */
  public Map<Integer, Integer> inFlightByPartition() {
    return tracked.inFlightByPartition(settings.topics().exec());
  }

  /** Execs not yet read per partition, where known. */
  public Map<Integer, Long> lagByPartition() {
    return tracked.lagByPartition(settings.topics().exec());
  }

  /** Why execs are not begun that should have been long ago; null if all are. */
  public @Nullable String progressProblem() {
    String notTakenOver = partitions.problem();
    if (notTakenOver != null) {
      return notTakenOver;
    }
    return Overdue.problem(
        "execs are past their deadline and not answered",
        settings.topics().exec(),
        tracked.overdueByPartition(settings.topics().exec()));
  }

  /**
   * The group takes partitions away.
   *
   * @return completes when nothing of them begins any more and what is done is committed
   */
  public CompletableFuture<Void> leave(Collection<Integer> numbers) {
    CompletableFuture<Void> left = new CompletableFuture<>();
    leaving.add(new Leaving(Set.copyOf(numbers), left));
    if (loop.isStopping()) {
      left.complete(null);
    }
    return left;
  }

  private final class Following implements PollLoop.Polling {
    @Override
    public void poll(Consumer<byte[], byte[]> consumer) {
      OffsetCommits commits = new OffsetCommits(consumer, tracked, time);
      try {
        partitions.resume(consumer);
        while (!loop.isStopping()) {
          loop.round();
          follow(consumer, commits);
        }
      } catch (WakeupException e) {
        if (!loop.isStopping()) {
          throw e;
        }
      }
      partitions.leaveAll(consumer, commits);
      completeLeft();
    }

    @Override
    public void close(Consumer<byte[], byte[]> consumer) {
      consumer.close(CloseOptions.timeout(CALL_TIMEOUT));
    }
  }

  private void follow(Consumer<byte[], byte[]> consumer, OffsetCommits commits) {
    partitions.update(consumer, commits, this::completeLeft);
    if (partitions.isEmpty()) {
      // Nothing to read, but a sign of life is wanted all the same.
      var _ = consumer.partitionsFor(settings.topics().exec(), CALL_TIMEOUT);
      loop.works(false);
      commitProblem = null;
      loop.pause(POLL);
      return;
    }
    boolean isFull = dispatcher.isFull() || dispatcher.isFullOfInputs();
    tracked.regulate(consumer, dispatcher.isFull());
    partitions.regulateInputs(consumer, dispatcher.isFullOfInputs());
    ConsumerRecords<byte[], byte[]> records = consumer.poll(isFull ? PAUSE_WHILE_FULL : POLL);
    Set<Integer> truncated = accept(records);
    // First, or what is committed of them would be behind records that were not taken.
    partitions.leave(consumer, commits, truncated);
    tracked.advance(records.nextOffsets());
    inputs.advance(records.nextOffsets());
    if (records.isEmpty()) {
      loop.works(tracked.isFetched(consumer));
    } else {
      loop.read();
    }
    commits.commitWhereDue(partitions.committable());
    tickWhereDue(consumer, commits);
  }

  /** Returns the partitions of users one of whose logs lost its tail, so that it is read anew. */
  private Set<Integer> accept(ConsumerRecords<byte[], byte[]> records) {
    Set<Integer> truncated = new HashSet<>();
    for (TopicPartition partition : records.partitions()) {
      CommandPartitions.Followed followed = Objects.requireNonNull(partitions.of(partition));
      if (partition.topic().equals(settings.topics().input())) {
        records.records(partition).forEach(dispatcher::accept);
      } else if (!tracked.accept(
          partition,
          records.records(partition),
          (record, tracker) -> dispatcher.accept(record, followed, tracker))) {
        truncated.add(partition.partition() % settings.partitionCount());
      }
    }
    return truncated;
  }

  private void tickWhereDue(Consumer<byte[], byte[]> consumer, OffsetCommits commits) {
    long now = time.nanos();
    if (now - lastTick < TICK.toNanos()) {
      return;
    }
    lastTick = now;
    commitProblem = commits.problem(now);
    tracked.noteLag(consumer, now);
    tracked.noteOverdue(now);
    inputs.tick();
    tracked
        .committed()
        .forEach(
            (partition, offset) -> {
              if (partition.topic().equals(settings.topics().exec())
                  && partition.partition() < settings.partitionCount()) {
                committed.note(partition.partition(), offset.offset());
              }
            });
    if (now - lastRenewal >= RENEWAL.toNanos()) {
      lastRenewal = now;
      commits.renew(partitions.committable());
    }
  }

  private void completeLeft() {
    for (Leaving each : List.copyOf(leaving)) {
      if (!partitions.followsAnyOf(each.partitions)) {
        leaving.remove(each);
        each.partitions.forEach(committed::forget);
        each.left.complete(null);
      }
    }
  }

  @Override
  public void close() {
    loop.stop(CLOSE_TIMEOUT);
    leaving.forEach(each -> each.left.complete(null));
    inputs.close();
    dispatcher.close();
  }
}
