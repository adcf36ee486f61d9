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
 * Reads what a container's init reports about its firewall. It is opened before the container is
 * started, so that the decisive line can't be missed.
 */
public final class ReadyGate implements AutoCloseable {
  private final EngineCalls calls;
  private final EngineStream<Verdict> stream;

  private ReadyGate(EngineCalls calls, EngineStream<Verdict> stream) {
    this.calls = calls;
    this.stream = stream;
  }

  /** Attaches to a container. */
  public static ReadyGate open(EngineCalls calls, String containerId) throws EngineException {
    return open(calls, requests -> requests.attach(containerId));
  }

  /** The same, and a stream becomes the standard input of its first process. */
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
   * Waits for the verdict.
   *
   * @throws TimeoutException if there is none in time
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
