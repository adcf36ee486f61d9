/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.StoppedException;
import io.zcbot.sandbox.worker.sandbox.UserLanes;
import io.zcbot.sandbox.worker.trace.Step;
import io.zcbot.sandbox.worker.trace.Trace;
import io.zcbot.sandbox.worker.trace.Tracing;
import java.util.function.BooleanSupplier;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Work on records in their users' lanes. What is not done is read again, here or elsewhere. */
final class LaneWork {
  private static final Logger log = LoggerFactory.getLogger(LaneWork.class);

  private final UserLanes lanes;
  private final Tracing tracing;

  /** What is done with a record. */
  @FunctionalInterface
  interface Task {
    void run() throws FencedException, InterruptedException;
  }

  LaneWork(UserLanes lanes, Tracing tracing) {
    this.lanes = lanes;
    this.tracing = tracing;
  }

  /**
   * Queues work on a record for a user.
   *
   * @param mayBegin asked when its turn comes
   * @param finished run in any case: after the task, or if it does not begin
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
    if (!accepted) { // a stop
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
