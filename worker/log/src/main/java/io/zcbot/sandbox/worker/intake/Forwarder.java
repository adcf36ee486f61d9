/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.base.Threads;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Forwards records and writes dead letters. Both wait for the log, so they run on virtual threads
 * of this class. Records of one key are forwarded one batch after another, in their order.
 */
final class Forwarder implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Forwarder.class);

  /**
   * The most that is published together for one key. If one record fails, those behind it are sent
   * twice.
   */
  static final int MAX_BATCH_BYTES = 256 * 1024;

  private final Publication publication;
  private final DiversionTargets targets;
  private final ExecutorService threads =
      Executors.newThreadPerTaskExecutor(task -> Threads.virtual("forwarder", task));

  /**
   * The records that wait behind others of their key. A key has an entry, maybe an empty one,
   * exactly while a thread works on it. Guarded by itself.
   */
  private final Map<Target, Queue<Waiting>> waiting = new HashMap<>();

  /** Publishes records of one key in their home partition, and returns once the log has them. */
  interface Publication {
    void publish(List<ConsumerRecord<byte[], byte[]>> records, TopicPartition home)
        throws InterruptedException;
  }

  /** Writes a record, and returns once the log has it. */
  interface Task {
    void run() throws InterruptedException;
  }

  private record Target(TopicPartition home, ByteBuffer key) {}

  private record Waiting(ConsumerRecord<byte[], byte[]> record, long size, Runnable done) {}

  /**
   * Creates a forwarder.
   *
   * @param targets counts the records that are on their way
   */
  Forwarder(Publication publication, DiversionTargets targets) {
    this.publication = publication;
    this.targets = targets;
  }

  /**
   * Runs a task that writes a record, on another thread. Never blocks, however much is in flight.
   *
   * @param to the partition that it probably goes to
   * @param done runs once the log has the record; never, if the worker stops before
   */
  void write(ConsumerRecord<byte[], byte[]> record, TopicPartition to, Task task, Runnable done) {
    long size = add(record, to);
    Threads.orEnd(() -> threads.execute(() -> run(task, to, done, size)));
  }

  private long add(ConsumerRecord<byte[], byte[]> record, TopicPartition to) {
    long size = InFlightBytes.sizeOf(record);
    targets.add(to, size);
    return size;
  }

  /**
   * Forwards a record, behind those of its key. Never blocks, however much is in flight.
   *
   * @param done runs once the log has the record; never, if the worker stops before
   */
  void forward(ConsumerRecord<byte[], byte[]> record, int home, Runnable done) {
    TopicPartition to = new TopicPartition(record.topic(), home);
    Waiting last = new Waiting(record, add(record, to), done);
    Target target = new Target(to, ByteBuffer.wrap(record.key()));
    synchronized (waiting) {
      Queue<Waiting> others = waiting.get(target);
      if (others != null) {
        others.add(last);
        return;
      }
      waiting.put(target, new ArrayDeque<>(List.of(last)));
    }
    Threads.orEnd(() -> threads.execute(() -> forwardAll(target)));
  }

  private void forwardAll(Target target) {
    List<Waiting> batch = next(target);
    while (!batch.isEmpty() && !threads.isShutdown()) {
      forward(batch, target.home());
      batch = next(target);
    }
  }

  private void forward(List<Waiting> batch, TopicPartition home) {
    run(
        () -> publication.publish(batch.stream().map(Waiting::record).toList(), home),
        home,
        () -> batch.forEach(each -> each.done().run()),
        batch.stream().mapToLong(Waiting::size).sum());
  }

  private List<Waiting> next(Target target) {
    List<Waiting> batch = new ArrayList<>();
    synchronized (waiting) {
      Queue<Waiting> others = waiting.getOrDefault(target, new ArrayDeque<>());
      long size = 0;
      for (Waiting each = others.peek();
          each != null && (batch.isEmpty() || size + each.size() <= MAX_BATCH_BYTES);
          each = others.peek()) {
        size += each.size();
        batch.add(others.remove());
      }
      if (batch.isEmpty()) {
        waiting.remove(target);
      }
    }
    return batch;
  }

  private void run(Task task, TopicPartition to, Runnable done, long size) {
    try {
      task.run();
      done.run();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    } catch (StoppedException e) {
      log.info("{}; the record is read again after the next start", e.getMessage());
    } catch (RuntimeException | Error e) { // or others of the key would wait for ever
      log.error("a record could not be forwarded; please report this", e);
    } finally {
      targets.remove(to, size);
    }
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }
}
