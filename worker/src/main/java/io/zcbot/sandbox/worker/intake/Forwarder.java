/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.sandbox.StoppedException;
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
    long size = bytes.add(record);
    var _ =
        threads.submit(
            () -> {
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
            });
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }
}
