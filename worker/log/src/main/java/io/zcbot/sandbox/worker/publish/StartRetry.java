/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import io.github.resilience4j.core.IntervalFunction;
import io.github.resilience4j.retry.Retry;
import io.github.resilience4j.retry.RetryConfig;
import io.zcbot.sandbox.worker.base.HostShortage;
import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.kafka.Denials;
import io.zcbot.sandbox.worker.kafka.OutageLog;
import java.io.IOException;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.apache.kafka.common.acl.AclOperation;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Repeats a step, for example of the start, until it succeeds or the worker stops. Thread-safe. */
public final class StartRetry {
  private static final Logger log = LoggerFactory.getLogger(StartRetry.class);

  private final BooleanSupplier stopping;
  private final Map<Object, String> problems = new ConcurrentHashMap<>();

  public interface Attempt<T extends @Nullable Object> {
    T run() throws Exception;
  }

  public StartRetry(BooleanSupplier stopping) {
    this.stopping = stopping;
  }

  /** Why the current steps fail; null if none does. Any thread. */
  public @Nullable String problem() {
    return problems.isEmpty()
        ? null
        : problems.values().stream().distinct().sorted().collect(Collectors.joining("; "));
  }

  /** Repeats an attempt while this host is short of something; see {@link #untilItWorks}. */
  public <T extends @Nullable Object> T whileShort(String what, Attempt<T> attempt)
      throws IOException, TopicsException, InterruptedException {
    return untilItWorks(
        what, attempt, e -> e instanceof IOException failure && HostShortage.isBehind(failure));
  }

  /**
   * Runs an attempt until it succeeds. Blocks.
   *
   * @param what completes the sentence "could not ..."
   * @param passing whether to retry after a failure; others are thrown
   * @throws StoppedException if the worker stops first
   * @throws InterruptedException if the attempt itself is interrupted
   */
  public <T extends @Nullable Object> T untilItWorks(
      String what, Attempt<T> attempt, Predicate<Throwable> passing)
      throws IOException, TopicsException, InterruptedException {
    OutageLog outage = new OutageLog(log, Time.system());
    Object attempts = new Object();
    Retry retry =
        Retry.of(
            what,
            RetryConfig.custom()
                .maxAttempts(Integer.MAX_VALUE)
                .intervalFunction(
                    IntervalFunction.ofExponentialRandomBackoff(
                        Duration.ofMillis(200), 2.0, 0.5, Duration.ofSeconds(5)))
                .retryOnException(
                    e -> {
                      boolean again = !stopping.getAsBoolean() && passing.test(e);
                      if (again) {
                        String why =
                            Denials.reason(AclOperation.READ, e, String.valueOf(e.getMessage()));
                        problems.put(attempts, "could not " + what + ": " + why);
                        outage.failed("could not " + what + ", will be tried again: " + why);
                      }
                      return again;
                    })
                .build());
    try {
      T result = retry.executeCheckedSupplier(attempt::run);
      outage.works(what + ": succeeded");
      return result;
    } catch (Throwable e) {
      // If its wait is interrupted, the library throws the last failure instead.
      if (e instanceof Exception && (stopping.getAsBoolean() || passing.test(e))) {
        throw new StoppedException("stopped before it could " + what, e);
      }
      switch (e) {
        case IOException io -> throw io;
        case TopicsException topics -> throw topics;
        case InterruptedException interrupted -> throw interrupted;
        case RuntimeException unexpected -> throw unexpected;
        case Error error -> throw error;
        default -> throw new IllegalStateException("could not " + what + ": unexpected failure", e);
      }
    } finally {
      problems.remove(attempts);
    }
  }
}
