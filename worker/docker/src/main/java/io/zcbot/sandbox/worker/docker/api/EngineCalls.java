/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.api;

import com.github.dockerjava.core.DockerClientConfig;
import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.spans.Spans;
import io.zcbot.sandbox.worker.spans.Step;
import java.net.ConnectException;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Makes engine calls: gives each one a connection, a deadline, a metric and a trace step, and
 * converts failures to an {@link EngineException}. Thread-safe.
 *
 * <p>The transport has no time-out on a Unix socket. Therefore each call runs on its own virtual
 * thread, and the caller waits for it with a deadline. When the caller gives up, it interrupts that
 * thread, which closes the socket.
 *
 * <p>The transport does not notice either that pooled sockets died with the engine: each of them
 * would fail one more call after the engine is back. Therefore the first unanswered call replaces
 * the whole pool.
 */
public final class EngineCalls implements AutoCloseable {
  private final Supplier<EngineConnection> connector;
  private final String address;
  private final Duration timeout;
  private final SandboxMetrics metrics;
  private EngineConnection current;
  private boolean closed;

  /**
   * Creates the calls of one engine. Connects only at the first call.
   *
   * @param timeout maximum time of any call that has no time-out of its own
   */
  public EngineCalls(DockerClientConfig config, Duration timeout, SandboxMetrics metrics) {
    this.connector = () -> new EngineConnection(config, timeout);
    this.address = config.getDockerHost().toString();
    this.timeout = timeout;
    this.metrics = metrics;
    this.current = connector.get();
  }

  /** A call of the engine, run on a virtual thread. Must end when interrupted. */
  public interface Call<T extends @Nullable Object> {
    T on(EngineConnection engine) throws Exception;
  }

  /** Makes a call and waits for its answer for at most the default time-out. */
  public <T extends @Nullable Object> T call(Operation operation, Call<T> call)
      throws EngineException {
    return call(operation, timeout, call);
  }

  /**
   * Makes a call and waits for its answer.
   *
   * @param patience maximum time to wait
   * @throws EngineException of kind UNAVAILABLE after that time, or if the caller is interrupted;
   *     the engine may have carried out the call
   */
  public <T extends @Nullable Object> T call(Operation operation, Duration patience, Call<T> call)
      throws EngineException {
    EngineConnection connection = connection(operation);
    FutureTask<T> task = new FutureTask<>(() -> call.on(connection));
    Threads.start(
        "engine-" + operation.label(),
        () -> {
          try {
            task.run();
          } finally {
            connection.release();
          }
        });
    return await(operation, patience, task, connection);
  }

  /**
   * Waits for the answer to a call that runs on another thread, for at most the default time-out.
   */
  <T extends @Nullable Object> T await(
      Operation operation, Future<T> answer, EngineConnection connection) throws EngineException {
    return await(operation, timeout, answer, connection);
  }

  /** Returns the current connection. The caller must release it. */
  synchronized EngineConnection connection(Operation operation) throws EngineException {
    if (closed || !current.hold()) {
      throw closing(operation, null);
    }
    return current;
  }

  /** Classifies what a call threw, or why a stream broke. */
  public EngineException failure(Operation operation, Throwable thrown) {
    return EngineErrors.classify(operation, thrown, address);
  }

  @Override
  public synchronized void close() {
    closed = true;
    current.close();
  }

  private <T extends @Nullable Object> T await(
      Operation operation, Duration patience, Future<T> answer, EngineConnection connection)
      throws EngineException {
    long started = System.nanoTime();
    String result = "error";
    Step step = Spans.engine(operation.label());
    try {
      T value = answer.get(patience.toNanos(), TimeUnit.NANOSECONDS);
      result = "ok";
      return value;
    } catch (ExecutionException e) {
      Throwable cause = e.getCause();
      EngineException failure =
          isClosed() ? closing(operation, cause) : failure(operation, cause == null ? e : cause);
      result = resultOf(failure);
      if (failure.kind() == Kind.UNAVAILABLE && !isRefused(failure)) {
        renew(connection);
      }
      throw failure;
    } catch (TimeoutException e) {
      EngineException failure = EngineErrors.silent(operation, seconds(patience), address, e);
      result = resultOf(failure);
      renew(connection);
      throw failure;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      result = "interrupted";
      throw EngineErrors.unanswered(operation, "interrupted while waiting for the answer", e);
    } finally {
      answer.cancel(true);
      if (!result.equals("ok")) {
        step.failed(result);
      }
      step.close();
      metrics.engineCall(operation.label(), result, Duration.ofNanos(System.nanoTime() - started));
    }
  }

  /** Replaces a broken connection, unless another caller has already done so. */
  synchronized void renew(EngineConnection broken) {
    if (current == broken && !closed) {
      current = connector.get();
      broken.release();
    }
  }

  private synchronized boolean isClosed() {
    return closed;
  }

  private static EngineException closing(Operation operation, @Nullable Throwable cause) {
    return EngineErrors.unanswered(operation, "the connection to the engine was closed", cause);
  }

  /**
   * Whether no connection could be made. That was a new socket, and says nothing about pooled ones.
   */
  private static boolean isRefused(Throwable failure) {
    for (Throwable t = failure; t != null; t = t.getCause()) {
      if (t instanceof ConnectException) {
        return true;
      }
    }
    return false;
  }

  public static String seconds(Duration time) {
    double seconds = time.toMillis() / 1000.0;
    return seconds == Math.rint(seconds)
        ? String.format(Locale.ROOT, "%.0f s", seconds)
        : String.format(Locale.ROOT, "%.1f s", seconds);
  }

  private static String resultOf(EngineException failure) {
    return failure.kind().name().toLowerCase(Locale.ROOT);
  }
}
