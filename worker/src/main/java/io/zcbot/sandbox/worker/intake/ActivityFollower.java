/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.kafka.LogRange;
import io.zcbot.sandbox.worker.kafka.OutageLog;
import io.zcbot.sandbox.worker.reap.LowWatermark;
import io.zcbot.sandbox.worker.sandbox.Time;
import java.time.Duration;
import java.time.Instant;
import java.util.HashSet;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.InterruptException;
import org.apache.kafka.common.errors.WakeupException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads activity of the partitions whose ensures this worker has, and knows how far it has read.
 *
 * <p>Activity is a window of time, not work: it is read from {@code now − idle TTL} on, without a
 * group and without commits, and can be read again at will.
 */
public final class ActivityFollower implements LowWatermark, AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(ActivityFollower.class);

  private static final Duration POLL = Duration.ofMillis(200);
  private static final Duration CALL_TIMEOUT = Duration.ofSeconds(5);
  private static final Duration CLOSE_TIMEOUT = Duration.ofSeconds(2);
  private static final Duration REBUILD_DELAY = Duration.ofSeconds(1);
  private static final Duration PAUSE_WHILE_FULL = Duration.ofMillis(10);
  private static final long MAX_BYTES_IN_FLIGHT = 4L << 20;

  private final Supplier<Consumer<byte[], byte[]>> consumers;
  private final EventCodec codec = new EventCodec();
  private final KeyPartitions partitions;
  private final Settings settings;
  private final Touch touch;
  private final RecordForwarding forwarding;
  private final Time time;
  private final IntakeMetrics metrics;

  private final Set<Integer> wanted = ConcurrentHashMap.newKeySet();
  private final LowWatermarks lowWatermarks;
  private final InFlightBytes inFlight = new InFlightBytes(MAX_BYTES_IN_FLIGHT);
  private final Forwarder forwarder = new Forwarder(inFlight);
  private final CountDownLatch stop = new CountDownLatch(1);
  private final Thread thread;
  private final LoopMonitor monitor;
  private final OutageLog outage;
  private volatile @Nullable Consumer<byte[], byte[]> consumer;
  private volatile @Nullable String problem = "Kafka was not reached yet";

  // Of the follower's thread.
  private long lastProbe;

  /** Told of each use of a sandbox, with its instant on the monotonic clock. */
  @FunctionalInterface
  public interface Touch {
    void touch(UserId user, long at);
  }

  /**
   * How to follow.
   *
   * @param partitionCount how many partitions every topic has
   * @param window how far back to begin
   * @param probeInterval how often to ask the brokers for the log's end
   */
  public record Settings(
      String topic, int partitionCount, Duration window, Duration probeInterval) {}

  /**
   * Creates the follower; {@link #start} starts it.
   *
   * @param consumers makes a consumer without a group
   */
  public ActivityFollower(
      Supplier<Consumer<byte[], byte[]>> consumers,
      Settings settings,
      Touch touch,
      RecordForwarding forwarding,
      Time time,
      IntakeMetrics metrics) {
    this.consumers = consumers;
    this.settings = settings;
    this.partitions = new KeyPartitions(settings.partitionCount());
    this.touch = touch;
    this.forwarding = forwarding;
    this.time = time;
    this.metrics = metrics;
    this.lowWatermarks = new LowWatermarks(settings.window(), CALL_TIMEOUT, time);
    this.thread = Thread.ofPlatform().name("activity-follower").unstarted(this::run);
    this.monitor = new LoopMonitor(thread, time);
    this.outage = new OutageLog(log, time);
  }

  /** Starts following whatever is assigned. */
  public void start() {
    monitor.start();
  }

  /** Why only a restart helps: the thread is dead or stuck; null while it is neither. */
  public @Nullable String fatalProblem() {
    return monitor.problem();
  }

  /** Follows these partitions too. Any thread. */
  public void assign(Set<Integer> more) {
    wanted.addAll(more);
  }

  /** Follows these partitions no longer. Any thread. */
  public void release(Set<Integer> gone) {
    wanted.removeAll(gone);
    lowWatermarks.forget(gone);
  }

  @Override
  public OptionalLong readUpTo(int partition) {
    return lowWatermarks.of(partition);
  }

  /** How long ago each partition had last been read to its end, where it ever was. */
  public Map<Integer, Duration> ageByPartition() {
    return lowWatermarks.ages();
  }

  /** Why activity is not being read; null while it is. */
  public @Nullable String problem() {
    return problem;
  }

  private boolean stopping() {
    return stop.getCount() == 0;
  }

  private void run() {
    while (!stopping()) {
      monitor.round();
      try (Consumer<byte[], byte[]> fresh = consumers.get()) {
        consumer = fresh;
        lowWatermarks.forgetProbes();
        while (!stopping()) {
          monitor.round();
          follow(fresh);
        }
      } catch (WakeupException | InterruptException _) {
        // Only close() does that.
      } catch (Throwable e) {
        // Whatever it is: a thread that ends would leave activity unread and nobody reaped as idle.
        if (!stopping()) {
          problem = "reading " + settings.topic() + " failed: " + e;
          outage.failed(
              "reading activity failed; starting over with a new consumer: " + e,
              e instanceof KafkaException ? null : e);
          pauseFor(REBUILD_DELAY);
        }
      }
    }
  }

  private void follow(Consumer<byte[], byte[]> consumer) {
    Set<TopicPartition> target =
        wanted.stream()
            .map(number -> new TopicPartition(settings.topic(), number))
            .collect(Collectors.toSet());
    if (!target.equals(consumer.assignment())) {
      reassign(consumer, target);
    }
    if (target.isEmpty()) {
      // Nothing to read, but a sign of life is wanted all the same.
      if (probeDue()) {
        probe(consumer, target);
      }
      pauseFor(POLL);
      return;
    }
    if (inFlight.isFull()) {
      pauseFor(PAUSE_WHILE_FULL); // no group counts on a poll
    } else {
      consumer.poll(POLL).forEach(this::accept);
    }
    lowWatermarks.settle(consumer, wanted);
    if (probeDue()) {
      probe(consumer, target);
    }
  }

  private void reassign(Consumer<byte[], byte[]> consumer, Set<TopicPartition> target) {
    Set<TopicPartition> added = new HashSet<>(target);
    added.removeAll(consumer.assignment());
    Instant from = time.now().minus(settings.window());
    LogRange range = LogRange.since(consumer, added, from, CALL_TIMEOUT);
    consumer.assign(target);
    lowWatermarks.retainProbes(target);
    range.starts().forEach(consumer::seek);
  }

  private void accept(ConsumerRecord<byte[], byte[]> record) {
    Instant appended = Instant.ofEpochMilli(record.timestamp());
    Origin origin = new Origin(record.topic(), record.partition(), record.offset(), appended);
    Activity activity;
    try {
      activity = codec.decodeActivity(record.key(), record.value(), origin);
    } catch (EventFormatException e) {
      log.warn("{} is no activity and goes to the dead-letter topic: {}", origin, e.getMessage());
      metrics.deadLettered(record.topic());
      forwarder.forward(record, () -> forwarding.deadLetter(record, e), () -> {});
      return;
    }
    metrics.activity();
    touch.touch(activity.userId(), time.nanos() - lowWatermarks.age(record.partition(), appended));
    int home = partitions.of(record.key());
    if (home != record.partition()) {
      metrics.forwarded(record.topic());
      forwarder.forward(record, () -> forwarding.forward(activity, home), () -> {});
    }
  }

  private boolean probeDue() {
    return time.nanos() - lastProbe >= settings.probeInterval().toNanos();
  }

  private void probe(Consumer<byte[], byte[]> consumer, Set<TopicPartition> target) {
    lastProbe = time.nanos();
    try {
      if (target.isEmpty()) {
        var _ = consumer.partitionsFor(settings.topic(), CALL_TIMEOUT);
      } else {
        lowWatermarks.probe(consumer, target);
      }
      lowWatermarks.noteAnswer();
      outage.works("Kafka is reached again");
      problem = null;
    } catch (org.apache.kafka.common.errors.TimeoutException e) {
      outage.failed(
          "Kafka is not reached; no sandbox is reaped as idle meanwhile: " + e.getMessage());
      problem = "Kafka is not reached: " + e.getMessage();
    }
  }

  private void pauseFor(Duration delay) {
    try {
      var _ = stop.await(delay.toNanos(), TimeUnit.NANOSECONDS);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      stop.countDown();
    }
  }

  @Override
  public void close() {
    monitor.stopping();
    stop.countDown();
    forwarder.close();
    Consumer<byte[], byte[]> current = consumer;
    if (current != null) {
      current.wakeup();
    }
    try {
      if (!thread.join(CLOSE_TIMEOUT)) {
        log.warn("the follower's thread does not end; leaving it behind");
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }
}
