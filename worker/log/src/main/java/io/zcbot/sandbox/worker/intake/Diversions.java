/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.kafka.Origins;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Sends away records that do not go to a lane: those in the wrong partition are forwarded, and
 * those that are not valid events go to the dead-letter topic. Both wait for the log, on virtual
 * threads of this class. Records for one partition are forwarded one batch after another, in their
 * order, because inputs in another order would be other inputs.
 *
 * <p>Partitions that take nothing would fill the bound on all that is on its way, and stop reading
 * for everybody. So what waits for those is distinguished from what arrives in a moment. No method
 * blocks; they are called on the poll thread.
 */
final class Diversions implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Diversions.class);

  /** The most that is forwarded together. If one record fails, those behind it are sent twice. */
  static final int MAX_BATCH_BYTES = 256 * 1024;

  /** On its way to one partition, before further records may be dropped. */
  static final long SHARE = 1L << 20;

  /** On its way to all partitions, before further records may be dropped. */
  private static final long SHARES = 4 * SHARE;

  /** On its way to all partitions: half of what may be in flight, so that others are read. */
  private static final long MOST = InFlightBytes.MOST / 2;

  /** For how long nothing arrives where nothing will soon; a leader is elected in less. */
  static final Duration PATIENCE = Duration.ofSeconds(15);

  /** Stands for the dead-letter topic, whatever its name is. */
  private static final String DEAD_LETTERS = "dead letters";

  private final RecordForwarding forwarding;
  private final KeyPartitions partitions;
  private final boolean mayDrop;
  private final Time time;
  private final IntakeMetrics metrics;
  private final ExecutorService threads =
      Executors.newThreadPerTaskExecutor(task -> Threads.virtual("diversion", task));

  /** The partitions that something is on its way to. Guarded by this, as is what they hold. */
  private final Map<TopicPartition, Target> targets = new HashMap<>();

  private long bytes; // on their way to all of them; guarded by this

  /** What is on its way to one partition. */
  private static final class Target {
    final Queue<Forwarded> waiting = new ArrayDeque<>();
    boolean isForwarding;
    long bytes;

    /** When the last of its records arrived, or else when its share was full. */
    long progress;

    boolean isDropping;
  }

  private record Forwarded(ConsumerRecord<byte[], byte[]> record, long size, Runnable done) {}

  /** Writes records, and returns once the log has them. */
  private interface Writing {
    void run() throws InterruptedException;
  }

  private Diversions(
      RecordForwarding forwarding,
      KeyPartitions partitions,
      boolean mayDrop,
      Time time,
      IntakeMetrics metrics) {
    this.forwarding = forwarding;
    this.partitions = partitions;
    this.mayDrop = mayDrop;
    this.time = time;
    this.metrics = metrics;
  }

  /** The diversions of records that are committed, so that none may be dropped. */
  static Diversions ofCommitted(
      RecordForwarding forwarding, KeyPartitions partitions, Time time, IntakeMetrics metrics) {
    return new Diversions(forwarding, partitions, false, time, metrics);
  }

  /**
   * The diversions of records that are not committed. For a partition that takes nothing some wait,
   * and further ones are dropped: they would hold up all others.
   */
  static Diversions ofUncommitted(
      RecordForwarding forwarding, KeyPartitions partitions, Time time, IntakeMetrics metrics) {
    return new Diversions(forwarding, partitions, true, time, metrics);
  }

  /** Whether reading where these records come from should pause until some have arrived. */
  synchronized boolean isFull() {
    return bytes >= MOST
        || (mayDrop
            && targets.values().stream().anyMatch(each -> isCrowded(each) && !isStill(each)));
  }

  /** How much is on its way. */
  synchronized long bytes() {
    return bytes;
  }

  /**
   * Writes a record to the dead-letter topic.
   *
   * @param event what it is not, for example "a valid ensure"
   * @param done runs once the log has the record; never, if the worker stops before
   */
  void deadLetter(
      ConsumerRecord<byte[], byte[]> record,
      String event,
      EventFormatException why,
      Runnable done) {
    byte[] key = record.key();
    // A record without a key goes to any partition that has a leader.
    TopicPartition to = new TopicPartition(DEAD_LETTERS, key == null ? -1 : partitions.of(key));
    long size = InFlightBytes.sizeOf(record);
    synchronized (this) {
      if (isDropped(record, to)) {
        return;
      }
      var _ = add(to, size);
    }
    log.warn(
        "{} is not {} and is written to the dead-letter topic: {}",
        Origins.of(record),
        event,
        why.getMessage());
    metrics.deadLettered(record.topic());
    execute(
        () ->
            write(
                to,
                size,
                () -> {
                  forwarding.deadLetter(record, why);
                  done.run();
                }));
  }

  /**
   * Publishes a record in the partition of its key.
   *
   * @param done runs once the log has the record; never, if the worker stops before
   */
  void forward(ConsumerRecord<byte[], byte[]> record, int keyPartition, Runnable done) {
    TopicPartition to = new TopicPartition(record.topic(), keyPartition);
    Forwarded last = new Forwarded(record, InFlightBytes.sizeOf(record), done);
    Target target;
    synchronized (this) {
      if (isDropped(record, to)) {
        return;
      }
      target = add(to, last.size());
      target.waiting.add(last);
      if (target.isForwarding) {
        return;
      }
      target.isForwarding = true;
    }
    execute(() -> forwardAll(to, target));
  }

  private void execute(Runnable task) {
    Threads.orEnd(() -> threads.execute(task));
  }

  private boolean isDropped(ConsumerRecord<byte[], byte[]> record, TopicPartition to) {
    Target target = targets.get(to);
    if (!mayDrop || target == null || !isCrowded(target) || !isStill(target)) {
      return false;
    }
    metrics.diversionDropped(record.topic());
    if (!target.isDropping) {
      target.isDropping = true;
      log.warn(
          "{}-{} takes no records; further ones for it are dropped until it does, from {} on",
          to.topic(),
          to.partition(),
          Origins.of(record));
    }
    return true;
  }

  private boolean isCrowded(Target target) {
    return target.bytes >= SHARE || bytes >= SHARES;
  }

  private boolean isStill(Target target) {
    return time.nanos() - target.progress >= PATIENCE.toNanos();
  }

  private Target add(TopicPartition to, long size) {
    Target target = targets.computeIfAbsent(to, _ -> new Target());
    if (target.bytes == 0 || (target.bytes < SHARE && target.bytes + size >= SHARE)) {
      target.progress = time.nanos(); // what came before may have waited for long, but alone
    }
    target.bytes += size;
    bytes += size;
    return target;
  }

  private synchronized void remove(TopicPartition to, long size) {
    Target target = Objects.requireNonNull(targets.get(to));
    target.bytes -= size;
    bytes -= size;
    target.progress = time.nanos();
    target.isDropping = false;
    if (target.bytes == 0) {
      targets.remove(to);
    }
  }

  private void forwardAll(TopicPartition to, Target target) {
    List<Forwarded> batch = next(target);
    while (!batch.isEmpty() && !threads.isShutdown()) {
      forward(to, batch);
      batch = next(target);
    }
  }

  private synchronized List<Forwarded> next(Target target) {
    List<Forwarded> batch = new ArrayList<>();
    long size = 0;
    for (Forwarded each = target.waiting.peek();
        each != null && (batch.isEmpty() || size + each.size() <= MAX_BATCH_BYTES);
        each = target.waiting.peek()) {
      size += each.size();
      batch.add(target.waiting.remove());
    }
    target.isForwarding = !batch.isEmpty();
    return batch;
  }

  private void forward(TopicPartition to, List<Forwarded> batch) {
    write(
        to,
        batch.stream().mapToLong(Forwarded::size).sum(),
        () -> {
          int tooLarge =
              forwarding.forward(batch.stream().map(Forwarded::record).toList(), to.partition());
          for (int i = 0; i < batch.size(); i++) {
            if (i < tooLarge) {
              metrics.deadLettered(to.topic());
            } else {
              metrics.forwarded(to.topic());
            }
            batch.get(i).done().run();
          }
        });
  }

  private void write(TopicPartition to, long size, Writing writing) {
    try {
      writing.run();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    } catch (StoppedException e) {
      log.info("{}; the record is read again after the next start", e.getMessage());
    } catch (RuntimeException | Error e) { // or what is behind it would wait for ever
      log.error("a record could not be sent to {}; please report this", to, e);
    } finally {
      remove(to, size);
    }
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }
}
