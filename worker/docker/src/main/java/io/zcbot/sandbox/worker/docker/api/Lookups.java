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

/**
 * Runs look-ups on the engine with limited concurrency and in the order of arrival, so that a flood
 * of ensures does not open a flood of connections.
 */
public final class Lookups {
  private final EngineCalls calls;
  private final Semaphore permits;
  private final Duration patience;

  public Lookups(EngineCalls calls, int most, Duration patience) {
    this.calls = calls;
    this.permits = new Semaphore(most, true);
    this.patience = patience;
  }

  /** Classifies an answer that can't be parsed. */
  public EngineException failure(Operation operation, IOException unreadable) {
    return calls.failure(operation, unreadable);
  }

  /**
   * Waits for a turn, for at most the time-out, then makes the call, which has the same time-out.
   *
   * @throws EngineException of kind UNAVAILABLE also if there was no turn in time
   */
  public <T> T ask(Operation operation, EngineCalls.Call<T> call) throws EngineException {
    try {
      if (!permits.tryAcquire(patience.toMillis(), TimeUnit.MILLISECONDS)) {
        throw EngineErrors.unanswered(
            operation,
            "the look-up was not started within "
                + EngineCalls.seconds(patience)
                + ": the maximum number of look-ups are waiting for the engine",
            null);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw EngineErrors.unanswered(
          operation, "interrupted while waiting for a turn to look up", e);
    }
    try {
      return calls.call(operation, call);
    } finally {
      permits.release();
    }
  }
}
