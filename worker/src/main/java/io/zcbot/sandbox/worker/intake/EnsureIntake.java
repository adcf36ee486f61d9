package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.intake.PartitionProgress.Tenure;
import io.zcbot.sandbox.worker.sandbox.EnsureRequest;
import io.zcbot.sandbox.worker.sandbox.Time;
import io.zcbot.sandbox.worker.sandbox.UserLanes;
import java.time.Duration;
import java.time.Instant;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
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
  private static final Duration COMMIT_INTERVAL = Duration.ofMillis(200);
  private static final Duration COMMIT_TIMEOUT = Duration.ofSeconds(5);
  private static final Duration REBUILD_DELAY = Duration.ofSeconds(1);
  private static final Duration REJOIN_DELAY = Duration.ofMillis(100);

  /** No ensure is waited for longer than this, whatever its {@code expires_at} says. */
  static final Duration LONGEST_WAIT = Duration.ofMinutes(10);

  private final Supplier<Consumer<byte[], byte[]>> consumers;
  private final EventCodec codec = new EventCodec();
  private final KeyPartitions partitions;
  private final Settings settings;
  private final UserLanes lanes;
  private final Work work;
  private final Diversions diversions;
  private final Handover handover;
  private final Predecessor predecessor;
  private final Lease lease;
  private final Time time;
  private final IntakeMetrics metrics;

  private final ExecutorService divertThreads = Executors.newVirtualThreadPerTaskExecutor();
  private final CountDownLatch stop = new CountDownLatch(1);
  private final Thread thread;
  private volatile @Nullable Consumer<byte[], byte[]> consumer;
  private volatile @Nullable String problem = "not reading ensures yet";

  // Of the poll thread.
  private final Map<TopicPartition, PartitionProgress> progress = new HashMap<>();
  private final Map<TopicPartition, CompletableFuture<Void>> takeovers = new HashMap<>();
  private boolean commitInFlight;
  private long lastCommit;

  // For gauges: snapshots by the poll thread.
  private final Map<Integer, Integer> heldByPartition = new ConcurrentHashMap<>();
  private final Map<Integer, Long> lagByPartition = new ConcurrentHashMap<>();

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
   */
  public record Settings(
      String topic,
      int partitionCount,
      int maxOpenRecords,
      Duration ensureExpiry,
      Duration revokeTimeout,
      boolean leaveAtStop) {}

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
      Diversions diversions,
      Handover handover,
      Predecessor predecessor,
      Time time,
      IntakeMetrics metrics) {
    this.consumers = consumers;
    this.settings = settings;
    this.partitions = new KeyPartitions(settings.partitionCount());
    this.lanes = lanes;
    this.work = work;
    this.diversions = diversions;
    this.handover = handover;
    this.predecessor = predecessor;
    this.lease = new Lease(time);
    this.time = time;
    this.metrics = metrics;
    this.thread = Thread.ofPlatform().name("ensure-intake").unstarted(this::run);
  }

  /** Starts reading. */
  public void start() {
    thread.start();
  }

  /** Why ensures are not being read; null while they are. */
  public @Nullable String problem() {
    return problem;
  }

  /** Records held per assigned partition. */
  public Map<Integer, Integer> heldByPartition() {
    return Map.copyOf(heldByPartition);
  }

  /** Records not yet read per assigned partition, where known. */
  public Map<Integer, Long> lagByPartition() {
    return Map.copyOf(lagByPartition);
  }

  private boolean stopping() {
    return stop.getCount() == 0;
  }

  private void run() {
    while (!stopping()) {
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
      } catch (KafkaException | IllegalStateException e) {
        problem = "reading " + settings.topic() + " failed: " + e.getMessage();
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
          CloseOptions.timeout(COMMIT_TIMEOUT)
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
      ConsumerRecords<byte[], byte[]> records;
      try {
        if (!lease.isValid()) {
          verifyMembership(consumer);
        } else {
          lease.renew();
        }
        records = consumer.poll(POLL);
      } catch (WakeupException _) {
        break; // only close() wakes the consumer up
      }
      for (ConsumerRecord<byte[], byte[]> record : records) {
        accept(record);
      }
      records
          .nextOffsets()
          .forEach(
              (partition, next) -> {
                PartitionProgress at = progress.get(partition);
                if (at != null) {
                  at.advanceTo(next.offset());
                }
              });
      regulate(consumer);
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
    Map<TopicPartition, OffsetAndMetadata> same = new HashMap<>();
    progress.forEach(
        (partition, at) -> same.put(partition, new OffsetAndMetadata(at.committedPosition())));
    try {
      if (!same.isEmpty()) {
        consumer.commitSync(same, COMMIT_TIMEOUT);
      }
      lease.renew();
    } catch (org.apache.kafka.common.errors.TimeoutException e) {
      log.warn("the group does not answer; announcing nothing until it does: {}", e.getMessage());
    }
  }

  private void accept(ConsumerRecord<byte[], byte[]> record) {
    PartitionProgress at = progress.get(new TopicPartition(record.topic(), record.partition()));
    if (at == null) {
      throw new IllegalStateException("a record of a partition that was never assigned: " + record);
    }
    Instant appended = Instant.ofEpochMilli(record.timestamp());
    Origin origin = new Origin(record.topic(), record.partition(), record.offset(), appended);
    Ensure ensure;
    try {
      ensure = codec.decodeEnsure(record.key(), record.value(), origin);
    } catch (EventFormatException e) {
      log.warn("{} is no ensure and goes to the dead-letter topic: {}", origin, e.getMessage());
      metrics.deadLettered(record.topic());
      divert(at.open(record.offset(), null), () -> diversions.deadLetter(record, e));
      return;
    }
    Instant expires =
        ensure.expiresAt() != null ? ensure.expiresAt() : appended.plus(settings.ensureExpiry());
    int home = partitions.of(ensure.userId());
    if (home != record.partition()) {
      metrics.forwarded(record.topic());
      Ensure same =
          new Ensure(
              ensure.eventId(),
              ensure.userId(),
              ensure.requestedAt(),
              ensure.requestedBy(),
              expires);
      divert(at.open(record.offset(), null), () -> diversions.forward(same, home));
      return;
    }
    long now = time.nanos();
    PartitionProgress.Slot slot = at.open(record.offset(), ensure.userId());
    EnsureRequest request =
        new EnsureRequest(
            ensure, record.partition(), now, now + left(expires).toNanos(), () -> pass(slot));
    lanes.submit(
        ensure.userId(),
        () -> {
          if (slot.tenure() != Tenure.HELD) {
            return;
          }
          try {
            work.ensure(request);
            slot.complete();
          } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
          }
        });
  }

  private void pass(PartitionProgress.Slot slot) throws InterruptedException {
    if (!lease.awaitValid(() -> slot.tenure() == Tenure.OVER)) {
      throw new InterruptedException("the partition is another worker's by now");
    }
  }

  private Duration left(Instant expires) {
    Duration left = Duration.between(time.now(), expires);
    return left.compareTo(LONGEST_WAIT) > 0
        ? LONGEST_WAIT
        : left.isNegative() ? Duration.ZERO : left;
  }

  /** Off the poll thread, since it waits for the log; bounded by the open records. */
  private void divert(PartitionProgress.Slot slot, Diversion diversion) {
    var _ =
        divertThreads.submit(
            () -> {
              try {
                diversion.run();
                slot.complete();
              } catch (InterruptedException _) {
                Thread.currentThread().interrupt();
              } catch (RuntimeException e) {
                log.error("a record could not be sent on; please report this", e);
              }
            });
  }

  private interface Diversion {
    void run() throws InterruptedException;
  }

  /** Back-pressure, from the counts alone: a rebalance forgets which partitions were paused. */
  private void regulate(Consumer<byte[], byte[]> consumer) {
    Set<TopicPartition> full = new HashSet<>();
    Set<TopicPartition> free = new HashSet<>();
    progress.forEach(
        (partition, at) -> {
          int held = at.held();
          heldByPartition.put(partition.partition(), held);
          OptionalLong lag = consumer.currentLag(partition);
          if (lag.isPresent()) {
            lagByPartition.put(partition.partition(), lag.getAsLong());
          }
          boolean wait = held >= settings.maxOpenRecords() || !isTakenOver(partition);
          (wait ? full : free).add(partition);
        });
    full.removeAll(consumer.paused());
    free.retainAll(consumer.paused());
    if (!full.isEmpty()) {
      consumer.pause(full);
    }
    if (!free.isEmpty()) {
      consumer.resume(free);
    }
  }

  /** Whether what the partition's former owner left has been announced. */
  private boolean isTakenOver(TopicPartition partition) {
    CompletableFuture<Void> takeover = takeovers.get(partition);
    if (takeover == null) {
      return true;
    }
    if (!takeover.isDone()) {
      return false;
    }
    takeovers.remove(partition);
    return true;
  }

  private void commit(Consumer<byte[], byte[]> consumer) {
    if (commitInFlight || time.nanos() - lastCommit < COMMIT_INTERVAL.toNanos()) {
      return;
    }
    Map<TopicPartition, OffsetAndMetadata> offsets = committable(progress.keySet());
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
            noteCommitted(done);
          } else {
            log.warn("a commit failed, will be tried again: {}", failure.getMessage());
          }
        });
  }

  private Map<TopicPartition, OffsetAndMetadata> committable(Collection<TopicPartition> of) {
    Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
    for (TopicPartition partition : of) {
      PartitionProgress at = progress.get(partition);
      if (at != null) {
        at.committable().ifPresent(offset -> offsets.put(partition, new OffsetAndMetadata(offset)));
      }
    }
    return offsets;
  }

  private void noteCommitted(Map<TopicPartition, OffsetAndMetadata> offsets) {
    offsets.forEach(
        (partition, offset) -> {
          PartitionProgress at = progress.get(partition);
          if (at != null) {
            at.committed(offset.offset());
          }
        });
  }

  /** What a broken consumer had assigned is lost. */
  private void forgetAll() {
    lose(new HashSet<>(progress.keySet()));
    commitInFlight = false;
  }

  private void lose(Collection<TopicPartition> lost) {
    if (!lost.isEmpty()) {
      Set<UserId> atWork = tenure(lost, Tenure.OVER);
      forget(lost);
      handover.lost(numbers(lost), atWork);
    }
  }

  /** Moves the tenure on, and tells whose lanes are at work. */
  private Set<UserId> tenure(Collection<TopicPartition> of, Tenure next) {
    Set<UserId> atWork = new HashSet<>();
    for (TopicPartition partition : of) {
      PartitionProgress at = progress.get(partition);
      if (at != null) {
        at.tenure(next);
        atWork.addAll(at.usersAtWork());
      }
    }
    return atWork;
  }

  private void forget(Collection<TopicPartition> gone) {
    for (TopicPartition partition : gone) {
      progress.remove(partition);
      takeovers.remove(partition);
      heldByPartition.remove(partition.partition());
      lagByPartition.remove(partition.partition());
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
      for (TopicPartition partition : assigned) {
        progress.put(partition, new PartitionProgress(consumer.position(partition)));
      }
      if (!assigned.isEmpty()) {
        log.info("assigned partitions {}", numbers(assigned));
        CompletableFuture<Void> takeover = handover.assigned(numbers(assigned));
        assigned.forEach(partition -> takeovers.put(partition, takeover));
        consumer.pause(assigned);
      }
      lease.renew();
      problem = null;
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> gone) {
      // At the end the consumer's own close names them once more.
      Set<TopicPartition> revoked = new HashSet<>(gone);
      revoked.retainAll(progress.keySet());
      if (revoked.isEmpty()) {
        return;
      }
      log.info("partitions {} go to another worker", numbers(revoked));
      Set<UserId> atWork = tenure(revoked, Tenure.ENDING);
      if (!await(handover.released(numbers(revoked), atWork))) {
        log.warn(
            "work of partitions {} still runs after {}; whoever has them next does it again",
            numbers(revoked),
            settings.revokeTimeout());
      }
      tenure(revoked, Tenure.OVER);
      Map<TopicPartition, OffsetAndMetadata> offsets = committable(revoked);
      if (!offsets.isEmpty()) {
        try {
          consumer.commitSync(offsets, COMMIT_TIMEOUT);
        } catch (WakeupException _) {
          commitOnce(offsets); // the stop is known already
        } catch (KafkaException e) {
          log.warn("the last commit failed, its records will be read again: {}", e.getMessage());
        }
      }
      forget(revoked);
    }

    private void commitOnce(Map<TopicPartition, OffsetAndMetadata> offsets) {
      try {
        consumer.commitSync(offsets, COMMIT_TIMEOUT);
      } catch (KafkaException e) {
        log.warn("the last commit failed, its records will be read again: {}", e.getMessage());
      }
    }

    /** Waits within the bound; a member of the group all the while, its heartbeats go on. */
    private boolean await(CompletableFuture<Void> released) {
      long deadline = time.nanos() + settings.revokeTimeout().toNanos();
      while (true) {
        lease.renew();
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
    stop.countDown();
    Consumer<byte[], byte[]> current = consumer;
    if (current != null) {
      current.wakeup();
    }
    try {
      if (!thread.join(settings.revokeTimeout().plus(COMMIT_TIMEOUT).plus(COMMIT_TIMEOUT))) {
        log.warn("the poll thread does not end; leaving it behind");
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    divertThreads.shutdownNow();
  }
}
