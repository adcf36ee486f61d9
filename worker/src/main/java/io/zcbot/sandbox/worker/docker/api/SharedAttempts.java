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
 */
public final class SharedAttempts {
  private final AtomicReference<@Nullable CompletableFuture<Optional<EngineException>>> running =
      new AtomicReference<>();
  private final Operation operation;

  public SharedAttempts(Operation operation) {
    this.operation = operation;
  }

  public void run(Attempt attempt) throws EngineException {
    CompletableFuture<Optional<EngineException>> mine = new CompletableFuture<>();
    CompletableFuture<Optional<EngineException>> others = running.compareAndExchange(null, mine);
    if (others != null) {
      join(others);
      return;
    }
    try {
      attempt.run();
      mine.complete(Optional.empty());
    } catch (EngineException e) {
      mine.complete(Optional.of(e));
      throw e;
    } finally {
      running.set(null);
      // only if something unforeseen was thrown
      mine.complete(
          Optional.of(
              EngineErrors.exception(
                  Kind.TRANSIENT, operation, "the shared attempt failed unexpectedly", "", null)));
    }
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

  /** What is done once for all. */
  public interface Attempt {
    void run() throws EngineException;
  }
}
