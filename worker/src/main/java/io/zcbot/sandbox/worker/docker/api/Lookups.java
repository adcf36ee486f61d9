/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import io.zcbot.sandbox.worker.engine.EngineException;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/** Questions to the engine, so many at a time: a flood of ensures is no flood of connections. */
public final class Lookups {
  private final EngineCalls calls;
  private final Semaphore permits;
  private final Duration patience;

  public Lookups(EngineCalls calls, int most, Duration patience) {
    this.calls = calls;
    this.permits = new Semaphore(most, true);
    this.patience = patience;
  }

  /** What it means that an answer can't be read. */
  public EngineException failure(Operation operation, IOException unreadable) {
    return calls.failure(operation, unreadable);
  }

  /** Asks when its turn comes. */
  public <T> T ask(Operation operation, EngineCalls.Call<T> call) throws EngineException {
    try {
      if (!permits.tryAcquire(patience.toMillis(), TimeUnit.MILLISECONDS)) {
        throw EngineErrors.unanswered(
            operation,
            "did not get to ask within "
                + EngineCalls.seconds(patience)
                + ": all look-ups that may run at a time are waiting for the engine",
            null);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw EngineErrors.unanswered(operation, "interrupted while waiting to ask", e);
    }
    try {
      return calls.call(operation, call);
    } finally {
      permits.release();
    }
  }
}
