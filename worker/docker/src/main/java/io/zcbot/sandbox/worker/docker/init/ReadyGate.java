/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.init;

import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.EngineStream;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.init.InitOutput.Verdict;
import io.zcbot.sandbox.worker.engine.EngineException;
import java.io.InputStream;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Waits for the result that a container's init reports. Open it before the container is started:
 * the output is not stored, so a line written before the attach would be lost.
 */
public final class ReadyGate implements AutoCloseable {
  private final EngineCalls calls;
  private final EngineStream<Verdict> stream;

  private ReadyGate(EngineCalls calls, EngineStream<Verdict> stream) {
    this.calls = calls;
    this.stream = stream;
  }

  /** Attaches to a container's output. */
  public static ReadyGate open(EngineCalls calls, String containerId) throws EngineException {
    return open(calls, requests -> requests.attach(containerId));
  }

  /** Attaches to a container's output, and streams its standard input. */
  public static ReadyGate open(EngineCalls calls, String containerId, InputStream input)
      throws EngineException {
    return open(calls, requests -> requests.attach(containerId, input));
  }

  private static ReadyGate open(EngineCalls calls, EngineStream.Source source)
      throws EngineException {
    return new ReadyGate(
        calls, EngineStream.open(calls, Operation.ATTACH, source, InitOutput::read));
  }

  /**
   * Blocks until init has reported or its output has ended.
   *
   * @throws TimeoutException if neither happens in time
   * @throws EngineException if the stream breaks, or the waiting thread is interrupted
   */
  public Verdict await(Duration patience) throws EngineException, TimeoutException {
    try {
      return stream.outcome().get(patience.toNanos(), TimeUnit.NANOSECONDS);
    } catch (ExecutionException e) {
      stream.broke();
      Throwable cause = e.getCause();
      throw calls.failure(Operation.ATTACH, cause == null ? e : cause);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw EngineErrors.unanswered(
          Operation.START, "interrupted while waiting for the ready line", e);
    }
  }

  @Override
  public void close() {
    stream.close();
  }
}
