/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.UserLanes;
import io.zcbot.sandbox.worker.spans.Step;
import io.zcbot.sandbox.worker.trace.Trace;
import io.zcbot.sandbox.worker.trace.Tracing;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs work on records in their users' lanes, with tracing. A record whose work does not finish
 * stays uncommitted and is read again, by this worker or another.
 */
final class LaneWork {
  private static final Logger log = LoggerFactory.getLogger(LaneWork.class);

  private final UserLanes lanes;
  private final Tracing tracing;

  /** The work on a record. */
  @FunctionalInterface
  interface Task {
    void run() throws FencedException, InterruptedException;
  }

  LaneWork(UserLanes lanes, Tracing tracing) {
    this.lanes = lanes;
    this.tracing = tracing;
  }

  /**
   * Queues work on a record behind the user's other work. Does not block.
   *
   * @param mayBegin asked in the lane when the record's turn comes; if false, the task is skipped
   * @param finished runs once in any case: after the task, or when the task is not run
   */
  void submit(
      ConsumerRecord<byte[], byte[]> record,
      UserId user,
      BooleanSupplier mayBegin,
      Task task,
      Runnable finished) {
    Trace trace = tracing.received(record, user);
    boolean accepted =
        lanes.submit(
            user,
            () -> {
              try (Step step = trace.begin()) {
                work(mayBegin, task, step);
              } finally {
                finished.run();
              }
            });
    if (!accepted) { // the worker stops
      trace.drop();
      finished.run();
    }
  }

  private static void work(BooleanSupplier mayBegin, Task task, Step step) {
    try {
      if (mayBegin.getAsBoolean()) {
        task.run();
      } else {
        step.failed("not_owned");
      }
    } catch (FencedException e) {
      step.failed("fenced");
      log.info("not answered by this worker: {}", e.getMessage());
    } catch (StoppedException e) {
      step.failed("stopped");
      log.info("{}; the record is read again after the next start", e.getMessage());
    } catch (InterruptedException _) {
      step.failed("stopped");
      Thread.currentThread().interrupt();
    } catch (RuntimeException e) {
      step.failed("unexpected");
      throw e;
    }
  }
}
