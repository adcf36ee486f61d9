/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Lets concurrent callers of one operation share a single attempt and its outcome, so that a
 * thousand lanes neither call the engine a thousand times nor wait for one another's time-outs.
 * Thread-safe.
 */
public final class SharedAttempts {
  private final AtomicReference<@Nullable FutureTask<@Nullable Void>> running =
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
    FutureTask<@Nullable Void> mine = new FutureTask<>(() -> call(attempt));
    FutureTask<@Nullable Void> others = running.compareAndExchange(null, mine);
    if (others == null) {
      mine.run();
    }
    try {
      (others == null ? mine : others).get();
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case EngineException failure -> throw failure;
        case RuntimeException bug when others == null -> throw bug;
        case Error error when others == null -> throw error;
        case null, default ->
            throw EngineErrors.exception(
                Kind.TRANSIENT, operation, "the shared attempt failed unexpectedly", "", null);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw EngineErrors.unanswered(operation, "interrupted while waiting for the outcome", e);
    }
  }

  private @Nullable Void call(Attempt attempt) throws EngineException {
    try {
      attempt.run();
      return null;
    } finally {
      // before the outcome: a caller that gets it and tries again must start a new attempt
      running.set(null);
    }
  }

  /** The shared operation. */
  public interface Attempt {
    void run() throws EngineException;
  }
}
