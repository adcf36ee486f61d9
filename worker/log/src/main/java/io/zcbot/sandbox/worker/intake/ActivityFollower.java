/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.kafka.ForwardedFrom;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.kafka.PartitionOffsets;
import io.zcbot.sandbox.worker.reap.LowWatermark;
import java.time.Duration;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.function.IntPredicate;
import java.util.function.Supplier;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Reads the activity of the partitions that this worker owns, and knows up to which instant it has
 * read.
 *
 * <p>Activity is a window of time, not work: it is read from {@code now − idle TTL} on, without a
 * group and without commits, and can be read again at any time. The follower has a thread of its
 * own; the public methods may be called from any thread.
 */
public final class ActivityFollower implements LowWatermark, AutoCloseable {
  private static final Duration POLL = Duration.ofMillis(200);
  private static final Duration CALL_TIMEOUT = Duration.ofSeconds(5);
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(2);
  private static final Duration PAUSE_WHILE_FULL = Duration.ofMillis(10);

  private final EventCodec codec = new EventCodec();
  private final KeyPartitions partitions;
  private final IntPredicate isKept;
  private final Settings settings;
  private final Touch touch;
  private final Time time;
  private final IntakeMetrics metrics;

  private final LowWatermarks lowWatermarks;
  private final ActivityAssignment assignment;
  private final Diversions diversions;
  private final PollLoop loop;

  // Confined to the follower's thread.
  private long lastProbe;
  private Set<TopicPartition> wanted = Set.of();

  /** Is called for each use of a sandbox, with its instant on the monotonic clock. */
  @FunctionalInterface
  public interface Touch {
    void touch(UserId user, long at);
  }

  /**
   * The settings of a follower.
   *
   * @param partitionCount the number of partitions that every topic has
   * @param window how far back in time reading of a new partition begins
   * @param probeInterval how often the brokers are asked for the end of the log
   */
  public record Settings(
      String topic, int partitionCount, Supplier<Duration> window, Duration probeInterval) {}

  /**
   * Creates the follower; {@link #start} starts it.
   *
   * @param consumers makes a consumer without a group
   * @param offsets tells where partitions begin and end
   * @param isKept whether this worker serves a partition of ensures, now or soon; the follower
   *     reads the activity of those
   */
  public ActivityFollower(
      Supplier<Consumer<byte[], byte[]>> consumers,
      PartitionOffsets offsets,
      IntPredicate isKept,
      Settings settings,
      Touch touch,
      RecordForwarding forwarding,
      Time time,
      IntakeMetrics metrics) {
    this.isKept = isKept;
    this.settings = settings;
    this.partitions = new KeyPartitions(settings.partitionCount());
    this.assignment =
        new ActivityAssignment(
            offsets, settings.topic(), partitions.count(), settings.window(), time);
    this.touch = touch;
    this.diversions = Diversions.ofUncommitted(forwarding, partitions, time, metrics);
    this.time = time;
    this.metrics = metrics;
    this.lowWatermarks = new LowWatermarks(offsets, settings.window().get(), CALL_TIMEOUT, time);
    this.loop = new PollLoop("activity-follower", "activity", consumers, new Following(), time);
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

  @Override
  public OptionalLong readUpTo(int partition) {
    return isKept.test(partition) ? lowWatermarks.of(partition) : OptionalLong.empty();
  }

  /** By partition: how long ago it was last read to its end, or else began to be followed. */
  public Map<Integer, Duration> ageByPartition() {
    return lowWatermarks.ages();
  }

  /** Why no activity is being read; null while it is. */
  public @Nullable String problem() {
    return loop.problem();
  }

  /** Names the partitions that can't be reached; null while all can. */
  public @Nullable String unreached() {
    String unread = assignment.problem();
    String unprobed = lowWatermarks.problem();
    return unread == null && unprobed == null
        ? null
        : "not all activity is read; until then no user of it is reaped as idle: "
            + (unread == null ? unprobed : unread);
  }

  private final class Following implements PollLoop.Polling {
    @Override
    public void poll(Consumer<byte[], byte[]> consumer) {
      lowWatermarks.forgetProbes();
      assignment.resume(consumer, lowWatermarks.ages());
      while (!loop.isStopping()) {
        loop.round();
        follow(consumer);
      }
    }

    @Override
    public void close(Consumer<byte[], byte[]> consumer) {
      consumer.close(CloseOptions.timeout(CALL_TIMEOUT));
    }
  }

  private void follow(Consumer<byte[], byte[]> consumer) {
    Set<TopicPartition> target = assignment.target(isKept);
    // Both are compared: an unreachable partition that leaves the target is not in the assignment.
    if (!target.equals(wanted) || !target.equals(consumer.assignment())) {
      assignment.change(consumer, target);
      lowWatermarks.retain(target);
      wanted = target;
    }
    Set<TopicPartition> followed = consumer.assignment();
    if (followed.isEmpty()) {
      probe(consumer, target, followed);
      loop.pause(POLL);
      return;
    }
    if (diversions.isFull()) {
      loop.pause(PAUSE_WHILE_FULL); // no group: nobody expects polls
    } else {
      ConsumerRecords<byte[], byte[]> records = consumer.poll(POLL);
      records.forEach(this::accept);
      assignment.advance(records.nextOffsets());
      if (!records.isEmpty()) {
        loop.read();
      }
    }
    lowWatermarks.settle(consumer);
    probe(consumer, target, followed);
  }

  private void accept(ConsumerRecord<byte[], byte[]> record) {
    Origin origin = ForwardedFrom.originOf(record, Topic.ACTIVITY);
    Activity activity;
    try {
      activity = codec.decodeActivity(record.key(), record.value(), origin);
    } catch (EventFormatException e) {
      diversions.deadLetter(record, "a valid activity", e, () -> {});
      return;
    }
    metrics.activity();
    touch.touch(
        activity.userId(),
        time.nanos() - lowWatermarks.age(record.partition(), origin.timestamp()));
    int keyPartition = partitions.of(record.key());
    if (keyPartition != record.partition() && !ForwardedFrom.isIn(record)) {
      diversions.forward(record, keyPartition, () -> {});
    }
  }

  private void probe(
      Consumer<byte[], byte[]> consumer, Set<TopicPartition> target, Set<TopicPartition> followed) {
    boolean isDue = time.nanos() - lastProbe >= settings.probeInterval().toNanos();
    if (isDue) {
      lastProbe = time.nanos();
    }
    boolean isHeard = lowWatermarks.probe(followed, isDue);
    if (target.isEmpty()) {
      if (isDue) {
        probeWithoutPartitions(consumer);
      }
      return;
    }
    if (isHeard) {
      loop.works(!diversions.isFull());
    } else if (followed.isEmpty() && !assignment.areReached(target)) {
      fails(assignment.failure());
    } else if (!followed.isEmpty() && !lowWatermarks.areReached(followed)) {
      fails(lowWatermarks.failure());
    }
  }

  /** Asks the brokers for a sign of life, for readiness, though there is no partition to read. */
  private void probeWithoutPartitions(Consumer<byte[], byte[]> consumer) {
    try {
      var _ = consumer.partitionsFor(settings.topic(), CALL_TIMEOUT);
      lowWatermarks.noteAnswer();
      loop.works(!diversions.isFull());
    } catch (TimeoutException e) {
      fails(e.getMessage());
    }
  }

  private void fails(@Nullable String why) {
    loop.fails("Kafka can't be reached; until then no sandbox is reaped as idle: " + why);
  }

  @Override
  public void close() {
    loop.stop(CLOSE_TIMEOUT);
    diversions.close();
  }
}
