/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.worker.Worker;
import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.cli.terminal.Signals;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.publish.TopicsException;
import java.io.IOException;
import java.time.Duration;
import org.apache.kafka.common.KafkaException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Runs a worker as the main task of its process, until a signal or a change of topics ends it. */
public final class WorkerProcess {
  private static final Logger log = LoggerFactory.getLogger(WorkerProcess.class);

  /** Added to the worker's own stop time-out, before the process is ended by force. */
  private static final Duration GRACE = Duration.ofSeconds(10);

  private WorkerProcess() {}

  /**
   * Runs a worker and blocks. When the process is told to stop, a shutdown hook stops the worker
   * and ends the process with exit code 0, or 1 if the worker did not stop in time.
   *
   * @param whenServing called once the worker serves
   * @param underneath closed after the worker, whether or not it started
   * @throws CommandException if the worker could not start, or the topics were changed so that it
   *     stopped
   */
  public static int run(WorkerConfig config, Runnable whenServing, AutoCloseable underneath)
      throws CommandException {
    Thread.setDefaultUncaughtExceptionHandler(
        (thread, e) -> log.error("thread {} ended unexpectedly; please report this", thread, e));
    Worker worker = new Worker(config);
    Thread stop =
        Thread.ofPlatform()
            .name("stop")
            .unstarted(
                () -> {
                  boolean clean =
                      stopWithin(config.ops().stopTimeout.plus(GRACE), worker, underneath);
                  // the exit code of the signal, 143, would look like a failure to a service
                  // manager
                  Runtime.getRuntime().halt(clean ? ExitCode.OK : ExitCode.FAILED);
                });
    Runtime.getRuntime().addShutdownHook(stop);
    try (Signals.Handling _ =
        config.profilesFile() == null ? () -> {} : Signals.handle("HUP", worker::reload)) {
      worker.start();
      whenServing.run();
      return serve(worker, config.ops().stopTimeout.plus(GRACE));
    } catch (TopicsException | IOException e) {
      throw new CommandException(ExitCode.CONFIG, "the worker did not start: " + e.getMessage(), e);
    } catch (KafkaException e) {
      throw new CommandException(
          ExitCode.CONFIG,
          "the worker did not start: could not create the Kafka clients: "
              + KafkaLog.reason(e)
              + "; check ZCBOT_KAFKA_*",
          e);
    } catch (StoppedException | InterruptedException _) {
      // only a stop interrupts this thread; the shutdown hook ends the process
      Thread.currentThread().interrupt();
      return ExitCode.OK;
    } finally {
      withdraw(stop, underneath);
    }
  }

  private static int serve(Worker worker, Duration stopTimeout)
      throws CommandException, InterruptedException {
    String why = worker.awaitStop();
    if (why == null) {
      return ExitCode.OK;
    }
    log.error("the worker {}", why); // before the lines of the stop, which it explains
    boolean _ = stopWithin(stopTimeout, worker, () -> {});
    throw new CommandException(ExitCode.CONFIG, "the worker " + why, null);
  }

  /**
   * Removes the shutdown hook after a failed start: the hook would replace that failure's exit
   * code.
   */
  private static void withdraw(Thread stop, AutoCloseable underneath) {
    try {
      if (Runtime.getRuntime().removeShutdownHook(stop)) {
        close(underneath);
      }
    } catch (IllegalStateException _) {
      // a stop is already under way
    }
  }

  private static boolean stopWithin(Duration limit, Worker worker, AutoCloseable underneath) {
    Thread closing =
        Thread.ofPlatform()
            .name("close")
            .daemon()
            .start(
                () -> {
                  worker.close();
                  close(underneath);
                });
    try {
      if (closing.join(limit)) {
        return true;
      }
      log.error("the worker did not stop within {} s; ending the process", limit.toSeconds());
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    return false;
  }

  private static void close(AutoCloseable closeable) {
    try {
      closeable.close();
    } catch (Exception e) {
      log.warn("{} did not close cleanly", closeable.getClass().getSimpleName(), e);
    }
  }
}
