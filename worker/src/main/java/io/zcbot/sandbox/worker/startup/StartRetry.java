/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.startup;

import io.github.resilience4j.core.IntervalFunction;
import io.github.resilience4j.retry.Retry;
import io.github.resilience4j.retry.RetryConfig;
import io.zcbot.sandbox.worker.kafka.OutageLog;
import io.zcbot.sandbox.worker.sandbox.Time;
import java.time.Duration;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Tries what a start depends on until it works or the worker is stopped. */
public final class StartRetry {
  private static final Logger log = LoggerFactory.getLogger(StartRetry.class);

  private final BooleanSupplier stopping;
  private final Consumer<@Nullable String> problem;

  public interface Attempt<T> {
    T run() throws Exception;
  }

  /**
   * Makes one.
   *
   * @param problem told why it doesn't work yet, and null once it does
   */
  public StartRetry(BooleanSupplier stopping, Consumer<@Nullable String> problem) {
    this.stopping = stopping;
    this.problem = problem;
  }

  /**
   * Runs an attempt until it returns.
   *
   * @param what completes the sentence «could not …»
   * @param passing whether a failure passes by itself; others are thrown on
   * @throws InterruptedException if the worker is stopped before
   */
  public <T> T untilItWorks(String what, Attempt<T> attempt, Predicate<Throwable> passing)
      throws Exception {
    OutageLog outage = new OutageLog(log, Time.system());
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
                        problem.accept("tried to " + what + ": " + e.getMessage());
                        outage.failed("could not " + what + " yet, trying on: " + e.getMessage());
                      }
                      return again;
                    })
                .build());
    try {
      T result = retry.executeCheckedSupplier(attempt::run);
      problem.accept(null);
      outage.works("succeeded to " + what);
      return result;
    } catch (Exception e) {
      // The library swallows an interrupt of its wait and throws the last failure.
      if (stopping.getAsBoolean() || passing.test(e)) {
        throw (InterruptedException) new InterruptedException().initCause(e);
      }
      throw e;
    } catch (Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException(e);
    }
  }
}
