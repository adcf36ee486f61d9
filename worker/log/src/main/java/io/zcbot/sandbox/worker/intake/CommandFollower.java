/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.base.ClockReading;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.commands.CommandWork;
import io.zcbot.sandbox.worker.kafka.CommandTableReader;
import io.zcbot.sandbox.worker.kafka.PartitionOffsets;
import io.zcbot.sandbox.worker.sandbox.Ownership;
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
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.WakeupException;
import org.jspecify.annotations.Nullable;

/**
 * Reads the execs, releases and inputs of the partitions that the group assigned to {@link
 * EnsureIntake}, without being a member itself. The offsets of execs and releases are committed in
 * a separate group; inputs are followed live. It has a thread of its own; the public methods may be
 * called from any thread.
 */
public final class CommandFollower implements AutoCloseable {
  private static final Duration POLL = Duration.ofMillis(100);
  private static final Duration PAUSE_WHILE_FULL = Duration.ofMillis(5);
  private static final Duration CALL_TIMEOUT = Duration.ofSeconds(5);
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(2);
  private static final Duration TICK = Duration.ofMillis(200);

  /** Commits are repeated: brokers drop the offsets of a group without members after days. */
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

  // Confined to the follower's thread.
  private long lastTick;
  private long lastRenewal;

  /** The names of the topics. */
  public record Topics(String exec, String input, String release) {}

  /**
   * The settings of a follower.
   *
   * @param partitionCount the number of partitions that every topic has
   * @param execExpiry the expiry of an exec without {@code expires_at}, from the record's time on
   * @param maxInFlight a partition is paused while this many of its records are in flight
   * @param tracing of the execs and releases
   */
  public record Settings(
      Topics topics, int partitionCount, Duration execExpiry, int maxInFlight, Tracing tracing) {
    /** Settings without tracing. */
    public Settings(Topics topics, int partitionCount, Duration execExpiry, int maxInFlight) {
      this(topics, partitionCount, execExpiry, maxInFlight, Tracing.OFF);
    }
  }

  /**
   * Factories of consumers; the caller assigns their partitions itself.
   *
   * @param committing commits in a group that nobody joins
   * @param free commits nothing
   * @param offsets tells where partitions begin and end
   */
  public record Consumers(
      Supplier<Consumer<byte[], byte[]>> committing,
      Supplier<Consumer<byte[], byte[]>> free,
      PartitionOffsets offsets) {}

  /**
   * The partitions to follow.
   *
   * @param ownerships tells which partitions this worker owns
   * @param table is read before the execs of a partition
   */
  public record Owned(Ownerships ownerships, TableReading table) {}

  /** Reads what former owners of partitions left in the command table. */
  @FunctionalInterface
  public interface TableReading {
    /**
     * Reads the table until that works. Does not block.
     *
     * @param partitions with their ownership
     * @return for each partition, its part of the table; exceptionally, if the partition is lost
     *     before it is read
     */
    Map<Integer, CompletableFuture<CommandTableReader.Part>> read(
        Map<Integer, Ownership> partitions);
  }

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
    this.committed = new CommittedExecs(settings.topics().exec(), work::committed, time);
    this.inputs =
        new CommandInputs(
            work, new InputDetours(consumers.free(), HashBuckets.drawn(), time), time, metrics);
    this.partitions =
        new CommandPartitions(
            settings.topics(),
            settings.partitionCount(),
            owned,
            work,
            inputs,
            tracked,
            consumers.offsets(),
            time);
    this.dispatcher =
        new CommandDispatcher(settings, lanes, work, inputs, forwarding, time, metrics);
    this.loop =
        new PollLoop("command-follower", "commands", consumers.committing(), new Following(), time);
  }

  public void start() {
    loop.start();
  }

  /**
   * Why only a restart of the worker helps: the thread is dead or stuck; null while it is neither.
   */
  public @Nullable String fatalProblem() {
    return loop.fatalProblem();
  }

  /** Why commands are not read, or not committed; null while they are. */
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

  /** Execs in flight, by partition. */
  public Map<Integer, Integer> inFlightByPartition() {
    return tracked.inFlightByPartition(settings.topics().exec());
  }

  /** Execs not yet read, by partition where known. */
  public Map<Integer, Long> lagByPartition() {
    return tracked.lagByPartition(settings.topics().exec());
  }

  /** Why some execs are overdue or will not be read; null if there are none. */
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
   * Leaves partitions that the group revokes. Does not block.
   *
   * @return completes when no command of theirs can begin any more and finished execs are committed
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
      OffsetCommits commits =
          new OffsetCommits(consumer, tracked, time) {
            @Override
            void acknowledged(ClockReading asked, Map<TopicPartition, OffsetAndMetadata> offsets) {
              committed.acknowledged(asked.nanos(), offsets);
            }
          };
      try {
        partitions.resume(consumer);
        while (!loop.isStopping()) {
          loop.round();
          follow(consumer, commits);
        }
      } catch (WakeupException e) {
        loop.woken(e);
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
      // No partition to read, but readiness needs a sign of life of the brokers.
      var _ = consumer.partitionsFor(settings.topics().exec(), CALL_TIMEOUT);
      loop.works(false);
      commitProblem = null;
      loop.pause(POLL);
      return;
    }
    boolean isFull = dispatcher.isFull() || dispatcher.isFullOfInputs();
    tracked.regulate(
        consumer, partitions::mayBegin, dispatcher.isFull(), dispatcher.isFullOfDiverted());
    partitions.regulateInputs(consumer, dispatcher.isFullOfInputs());
    ConsumerRecords<byte[], byte[]> records = consumer.poll(isFull ? PAUSE_WHILE_FULL : POLL);
    Set<Integer> truncated = accept(records);
    // Before the positions advance, or offsets behind records not taken would be committed.
    partitions.leave(consumer, commits, truncated);
    tracked.advance(records.nextOffsets());
    inputs.advance(records.nextOffsets());
    if (records.isEmpty()) {
      loop.works(tracked.isFetched(consumer));
    } else {
      loop.read();
    }
    commits.commitWhereDue(partitions.committable(), committed.due());
    tickWhereDue(consumer, commits);
  }

  /** Returns the partitions of which a log lost its tail, so that they must be read anew. */
  private Set<Integer> accept(ConsumerRecords<byte[], byte[]> records) {
    Set<Integer> truncated = new HashSet<>();
    for (TopicPartition partition : records.partitions()) {
      FollowedPartition followed = Objects.requireNonNull(partitions.of(partition));
      if (partition.topic().equals(settings.topics().input())) {
        records.records(partition).forEach(dispatcher::accept);
      } else if (!tracked.accept(
          partition,
          records.records(partition),
          (record, tracker) -> dispatcher.accept(record, followed, tracker))) {
        truncated.add(partition.partition());
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
    committed.note(tracked.committed());
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
