/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.sandbox.StoppedException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Forwards records and writes dead letters, each on its own thread, since that waits for the log.
 */
final class Forwarder implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Forwarder.class);

  private final InFlightBytes bytes;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

  /** The last one of each key; none of keys of which all is forwarded. */
  private final Map<ByteBuffer, CompletableFuture<Void>> lastOfKey = new ConcurrentHashMap<>();

  /** Writes the record, and returns once the log has it. */
  interface Task {
    void run() throws InterruptedException;
  }

  /**
   * A forwarder.
   *
   * @param bytes counts what is in flight
   */
  Forwarder(InFlightBytes bytes) {
    this.bytes = bytes;
  }

  /**
   * Forwards a record. Does not block, however much is in flight.
   *
   * @param done run once the log has it; never, where the worker stops before
   */
  void forward(ConsumerRecord<byte[], byte[]> record, Task task, Runnable done) {
    var _ = threads.submit(counted(record, task, done));
  }

  /** As {@link #forward}, behind all of the same key that are forwarded in order. */
  void forwardInOrder(ConsumerRecord<byte[], byte[]> record, Task task, Runnable done) {
    ByteBuffer key = ByteBuffer.wrap(record.key());
    Runnable forwarding = counted(record, task, done);
    CompletableFuture<Void> last =
        lastOfKey.compute(
            key,
            (_, before) ->
                before == null
                    ? CompletableFuture.runAsync(forwarding, threads)
                    : before.whenCompleteAsync((_, _) -> forwarding.run(), threads));
    var _ = last.whenComplete((_, _) -> lastOfKey.remove(key, last));
  }

  private Runnable counted(ConsumerRecord<byte[], byte[]> record, Task task, Runnable done) {
    long size = bytes.add(record);
    return () -> {
      try {
        task.run();
        done.run();
      } catch (InterruptedException _) {
        Thread.currentThread().interrupt();
      } catch (StoppedException e) {
        log.info("{}; the record is read again after the next start", e.getMessage());
      } catch (RuntimeException e) {
        log.error("a record could not be forwarded; please report this", e);
      } finally {
        bytes.remove(size);
      }
    };
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }
}
