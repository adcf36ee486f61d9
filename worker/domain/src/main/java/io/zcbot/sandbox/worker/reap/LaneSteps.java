/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.UserLanes;
import java.util.concurrent.CompletableFuture;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Runs steps on sandboxes in their users' lanes. */
final class LaneSteps {
  private static final Logger log = LoggerFactory.getLogger(LaneSteps.class);

  private final UserLanes lanes;

  LaneSteps(UserLanes lanes) {
    this.lanes = lanes;
  }

  /** A step to run in the lane. */
  interface Step {
    void run() throws EngineException, InterruptedException;
  }

  /**
   * Queues a step behind the user's other work. Never blocks.
   *
   * @param what the step, as a verb for the log
   * @return completes when the step ran. An engine failure is logged and counts as completion,
   *     because the reaper or reconciliation will try again. Cancelled if the worker stops and the
   *     step will not run
   */
  CompletableFuture<Void> queue(UserId user, String what, Step step) {
    CompletableFuture<Void> done = new CompletableFuture<>();
    boolean accepted =
        lanes.submit(
            user,
            () -> {
              try {
                step.run();
                done.complete(null);
              } catch (EngineException e) {
                log.warn("could not {}, will be tried again: {}", what, e.getMessage());
                done.complete(null);
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                done.completeExceptionally(e);
              } catch (StoppedException e) {
                log.info("could not {}: {}", what, e.getMessage());
                done.completeExceptionally(e);
              } catch (RuntimeException | Error e) {
                done.completeExceptionally(e);
                throw e;
              }
            });
    if (!accepted) {
      done.cancel(false);
    }
    return done;
  }
}
