/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.StoppedException;
import io.zcbot.sandbox.worker.sandbox.UserLanes;
import java.util.function.BooleanSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Work on records in their users' lanes. What is not done is read again, here or elsewhere. */
final class LaneWork {
  private static final Logger log = LoggerFactory.getLogger(LaneWork.class);

  private final UserLanes lanes;

  /** What is done with a record. */
  @FunctionalInterface
  interface Task {
    void run() throws FencedException, InterruptedException;
  }

  LaneWork(UserLanes lanes) {
    this.lanes = lanes;
  }

  /**
   * Queues work for a user.
   *
   * @param mayBegin asked when its turn comes
   * @param finished run in any case: after the task, or if it does not begin
   */
  void submit(UserId user, BooleanSupplier mayBegin, Task task, Runnable finished) {
    boolean accepted =
        lanes.submit(
            user,
            () -> {
              try {
                if (mayBegin.getAsBoolean()) {
                  task.run();
                }
              } catch (FencedException e) {
                log.info("not answered by this worker: {}", e.getMessage());
              } catch (StoppedException e) {
                log.info("{}; the record is read again after the next start", e.getMessage());
              } catch (InterruptedException _) {
                Thread.currentThread().interrupt();
              } finally {
                finished.run();
              }
            });
    if (!accepted) { // a stop
      finished.run();
    }
  }
}
