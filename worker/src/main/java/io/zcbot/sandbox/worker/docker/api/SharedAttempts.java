/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Lets concurrent callers of one operation share a single attempt and its outcome, so that a
 * thousand lanes neither call the engine a thousand times nor wait for one another's time-outs.
 * Thread-safe.
 */
public final class SharedAttempts {
  private final AtomicReference<@Nullable CompletableFuture<Optional<EngineException>>> running =
      new AtomicReference<>();
  private final Operation operation;

  public SharedAttempts(Operation operation) {
    this.operation = operation;
  }

  /**
   * Makes an attempt, or waits for the outcome of the attempt that is running.
   *
   * @throws EngineException the failure of the attempt, also of one that another thread made
   */
  public void run(Attempt attempt) throws EngineException {
    CompletableFuture<Optional<EngineException>> mine = new CompletableFuture<>();
    CompletableFuture<Optional<EngineException>> others = running.compareAndExchange(null, mine);
    if (others != null) {
      join(others);
      return;
    }
    try {
      attempt.run();
      end(mine, Optional.empty());
    } catch (EngineException e) {
      end(mine, Optional.of(e));
      throw e;
    } finally {
      if (!mine.isDone()) { // an unchecked exception was thrown
        end(
            mine,
            Optional.of(
                EngineErrors.exception(
                    Kind.TRANSIENT,
                    operation,
                    "the shared attempt failed unexpectedly",
                    "",
                    null)));
      }
    }
  }

  private void end(
      CompletableFuture<Optional<EngineException>> mine, Optional<EngineException> outcome) {
    // before the outcome: a caller that gets it and tries again must start a new attempt
    running.set(null);
    mine.complete(outcome);
  }

  private void join(CompletableFuture<Optional<EngineException>> others) throws EngineException {
    Optional<EngineException> failure;
    try {
      failure = others.get();
    } catch (ExecutionException e) {
      throw new IllegalStateException("the shared attempt did not return a value", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw EngineErrors.unanswered(operation, "interrupted while waiting for the outcome", e);
    }
    if (failure.isPresent()) {
      throw failure.get();
    }
  }

  /** The shared operation. */
  public interface Attempt {
    void run() throws EngineException;
  }
}
