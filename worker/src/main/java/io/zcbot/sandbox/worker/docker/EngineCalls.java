package io.zcbot.sandbox.worker.docker;

import io.zcbot.sandbox.worker.sandbox.EngineException;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import java.time.Duration;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Gives every engine call a deadline, counts it, and turns what goes wrong into an {@link
 * EngineException}.
 *
 * <p>The transport knows no time-out on a Unix socket, so each call runs on a virtual thread of its
 * own. Interrupting that one closes the connection, which also frees a call the engine never
 * answers.
 */
final class EngineCalls {
  private final Duration timeout;
  private final SandboxMetrics metrics;

  EngineCalls(Duration timeout, SandboxMetrics metrics) {
    this.timeout = timeout;
    this.metrics = metrics;
  }

  /** Makes a call and waits for its answer. */
  <T extends @Nullable Object> T call(Operation operation, Callable<T> call)
      throws EngineException {
    return call(operation, timeout, call);
  }

  /** Makes a call and waits for its answer, for a time of its own. */
  <T extends @Nullable Object> T call(Operation operation, Duration patience, Callable<T> call)
      throws EngineException {
    FutureTask<T> task = new FutureTask<>(call);
    Thread.ofVirtual().name("engine-" + operation.label()).start(task);
    return await(operation, patience, task);
  }

  /** Waits for the answer to a call that was made elsewhere. */
  <T extends @Nullable Object> T await(Operation operation, Future<T> answer)
      throws EngineException {
    return await(operation, timeout, answer);
  }

  private <T extends @Nullable Object> T await(
      Operation operation, Duration patience, Future<T> answer) throws EngineException {
    long started = System.nanoTime();
    String result = "error";
    try {
      T value = answer.get(patience.toNanos(), TimeUnit.NANOSECONDS);
      result = "ok";
      return value;
    } catch (ExecutionException e) {
      Throwable cause = e.getCause();
      EngineException failure = EngineErrors.classify(operation, cause == null ? e : cause);
      result = resultOf(failure);
      throw failure;
    } catch (TimeoutException e) {
      EngineException failure =
          EngineErrors.unanswered(operation, "no answer within " + seconds(patience), e);
      result = resultOf(failure);
      throw failure;
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      result = "interrupted";
      throw EngineErrors.unanswered(operation, "interrupted while waiting for the answer", e);
    } finally {
      answer.cancel(true);
      metrics.engineCall(operation.label(), result, Duration.ofNanos(System.nanoTime() - started));
    }
  }

  static String seconds(Duration time) {
    double seconds = time.toMillis() / 1000.0;
    return seconds == Math.rint(seconds)
        ? String.format(Locale.ROOT, "%.0f s", seconds)
        : String.format(Locale.ROOT, "%.1f s", seconds);
  }

  private static String resultOf(EngineException failure) {
    return failure.kind().name().toLowerCase(Locale.ROOT);
  }
}
