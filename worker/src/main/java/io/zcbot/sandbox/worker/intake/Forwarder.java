/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Sends records on, each on a thread of its own, since that waits for the log. */
final class Forwarder implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Forwarder.class);

  private final HeldBytes held;
  private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();

  interface Diversion {
    void run() throws InterruptedException;
  }

  /**
   * Makes one.
   *
   * @param held counts what is under way
   */
  Forwarder(HeldBytes held) {
    this.held = held;
  }

  /**
   * Sends a record on. Does not block, however much is under way.
   *
   * @param done run once the log has it; never, where the worker stops before
   */
  void divert(ConsumerRecord<byte[], byte[]> record, Diversion diversion, Runnable done) {
    long size = held.hold(record);
    var _ =
        threads.submit(
            () -> {
              try {
                diversion.run();
                done.run();
              } catch (InterruptedException _) {
                Thread.currentThread().interrupt();
              } catch (RuntimeException e) {
                log.error("a record could not be sent on; please report this", e);
              } finally {
                held.release(size);
              }
            });
  }

  @Override
  public void close() {
    threads.shutdownNow();
  }
}
