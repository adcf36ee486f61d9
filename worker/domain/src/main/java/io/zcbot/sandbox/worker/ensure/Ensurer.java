/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import io.github.resilience4j.core.IntervalFunction;
import io.github.resilience4j.retry.Retry;
import io.github.resilience4j.retry.RetryConfig;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.ensure.Admission.Refused;
import io.zcbot.sandbox.worker.ensure.ProfileChoice.Chosen;
import io.zcbot.sandbox.worker.reap.Termination;
import io.zcbot.sandbox.worker.sandbox.Announcer;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.sandbox.Terms;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * Answers ensures: look, decide, act, publish. An attempt that fails for a transient reason is
 * repeated as a whole, with backoff and jitter, until the ensure expires. Called in many users'
 * lanes; it blocks its caller.
 */
public final class Ensurer {
  private static final Logger log = LoggerFactory.getLogger(Ensurer.class);

  private static final IntervalFunction BACKOFF =
      IntervalFunction.ofExponentialRandomBackoff(
          Duration.ofMillis(100), 2.0, 0.5, Duration.ofSeconds(5));
  private static final IntervalFunction SLOW_BACKOFF =
      IntervalFunction.ofExponentialRandomBackoff(
          Duration.ofSeconds(1), 2.0, 0.5, Duration.ofSeconds(10));
  private static final IntervalFunction AT_ONCE =
      IntervalFunction.ofExponentialRandomBackoff(
          Duration.ofMillis(10), 2.0, 0.5, Duration.ofSeconds(1));

  private final ProfileChoice profiles;
  private final Attempt attempt;
  private final Announcer announcer;
  private final Answers answers;
  private final Admission admission;
  private final Termination termination;
  private final Time time;
  private final SandboxMetrics metrics;

  Ensurer(
      ProfileChoice profiles,
      Attempt attempt,
      Announcer announcer,
      Answers answers,
      Admission admission,
      Termination termination,
      Time time,
      SandboxMetrics metrics) {
    this.profiles = profiles;
    this.attempt = attempt;
    this.announcer = announcer;
    this.answers = answers;
    this.admission = admission;
    this.termination = termination;
    this.time = time;
    this.metrics = metrics;
  }

  /**
   * Answers one ensure with a ready or a failed, and returns once the log has the answer. Runs in
   * the user's lane.
   *
   * @throws FencedException if another worker owns the user's partition by now; that worker answers
   * @throws InterruptedException if the worker stops first; the ensure is not answered then
   */
  public void ensure(EnsureRequest request) throws FencedException, InterruptedException {
    try (var _ = MDC.putCloseable("event", request.ensure().eventId())) {
      switch (provide(request)) {
        case Result.Served _ -> {}
        case Refused refused ->
            announcer.failed(
                answers.failed(request, refused),
                request.arrived(),
                request.context(),
                request.fence());
      }
    }
  }

  /** As {@link #ensure}, but the caller announces and counts a failure. */
  Result provide(EnsureRequest request) throws FencedException, InterruptedException {
    Result result = result(request);
    if (result instanceof Result.Served served) {
      announce(request, served);
    }
    return result;
  }

  private void announce(EnsureRequest request, Result.Served served)
      throws FencedException, InterruptedException {
    Sandbox sandbox = served.sandbox();
    Terms before = sandbox.terms();
    Terms terms = before.after(request.ensure());
    if (served.outcome() != Ready.Outcome.REUSED) {
      sandbox.terms(terms);
      open(request, sandbox);
    } else if (!terms.equals(before)) {
      enter(terms, request, sandbox);
    }
    Ready ready = answers.ready(request, served);
    boolean isInLog = false;
    try {
      announcer.ready(ready, request.arrived(), request.context(), request.fence());
      isInLog = true;
      sandbox.announced(ready.readyAt());
      sandbox.touch(time.nanos(), Reaped.Use.ENSURE);
      announcer.current(sandbox, ready);
    } catch (FencedException e) {
      // The ready may reach the log even after the next owner found that a new sandbox was never
      // ready, and removed its entry. So its end is announced here. A reused one goes on by what
      // was told before; it counts as used, in case its user comes back to this worker.
      if (served.outcome() != Ready.Outcome.REUSED) {
        end(sandbox, Reaped.Reason.MOVED, e);
      } else if (!isInLog) {
        sandbox.terms(before);
        sandbox.touch(time.nanos(), Reaped.Use.ENSURE);
      }
      throw e;
    }
    admission.served(request, served);
  }

  /**
   * Enters a new sandbox in the live table. Ends it if that fails, because the user is another
   * worker's by now or this worker stops.
   */
  private void open(EnsureRequest request, Sandbox sandbox)
      throws FencedException, InterruptedException {
    try {
      announcer.opened(sandbox, request.fence());
    } catch (FencedException | InterruptedException e) {
      end(sandbox, null, e);
      throw e;
    }
  }

  /** Enters new terms of a reused sandbox; restores the former ones if that fails. */
  private void enter(Terms terms, EnsureRequest request, Sandbox sandbox)
      throws FencedException, InterruptedException {
    Terms before = sandbox.terms();
    sandbox.terms(terms);
    try {
      announcer.opened(sandbox, request.fence());
    } catch (FencedException | InterruptedException | StoppedException e) {
      sandbox.terms(before);
      throw e;
    }
  }

  /**
   * Ends a new sandbox, because the user's next worker may make another.
   *
   * @param reason null if no ready of it can be in the log
   */
  private void end(Sandbox sandbox, Reaped.@Nullable Reason reason, Exception why)
      throws InterruptedException {
    try {
      termination.endInsistently(sandbox, reason);
    } catch (EngineException left) {
      why.addSuppressed(left); // reconciliation will remove it
    }
  }

  private Result result(EnsureRequest request) throws FencedException, InterruptedException {
    if (request.context().problem() != null) {
      return new Refused(Failed.Reason.REJECTED, request.context().problem(), false);
    }
    if (left(request) <= 0) {
      return new Refused(
          Failed.Reason.EXPIRED,
          "the ensure expired before it was processed; send a new one if the sandbox is still"
              + " needed",
          true);
    }
    return switch (profiles.of(request.ensure())) {
      case Chosen.No no -> no.refused();
      case Chosen.Made choice -> result(request, choice);
    };
  }

  private Result result(EnsureRequest request, Chosen.Made choice)
      throws FencedException, InterruptedException {
    String notAllowed = answers.notAllowed(request.ensure(), choice.inForce());
    if (notAllowed != null) {
      return new Refused(Failed.Reason.REJECTED, notAllowed, false);
    }
    try {
      return attempts(request, choice);
    } catch (EngineException e) {
      if (e.kind().isRetryable() && left(request) > 0) {
        // Retries end before the deadline only by an interrupt.
        throw new StoppedException("the worker stopped before the ensure was answered", e);
      }
      return new Refused(e.kind().reason(), e.getMessage(), e.kind().isRetryable());
    } catch (IOException e) {
      return new Refused(
          Failed.Reason.WORKSPACE, "the workspace can't be used: " + e.getMessage(), false);
    } catch (FencedException | InterruptedException | StoppedException e) {
      throw e;
    } catch (Throwable e) {
      log.error("an ensure failed unexpectedly; please report this", e);
      return new Refused(Failed.Reason.INTERNAL, "unexpected error in the worker: " + e, false);
    }
  }

  /**
   * Makes attempts. Nearly all ensures take one, so the retry machinery is set up only for a
   * second.
   */
  private Result attempts(EnsureRequest request, Chosen.Made choice) throws Throwable {
    try {
      return attempt.run(request, choice, true);
    } catch (EngineException failed) {
      var first = new AtomicReference<@Nullable EngineException>(failed);
      return retrying(request)
          .executeCheckedSupplier(
              () -> {
                EngineException before = first.getAndSet(null);
                if (before != null) {
                  throw before;
                }
                return attempt.run(request, choice, false);
              });
    }
  }

  private Retry retrying(EnsureRequest request) {
    return Retry.of(
        "ensure",
        RetryConfig.custom()
            .maxAttempts(Integer.MAX_VALUE)
            .retryOnException(
                e -> {
                  boolean again =
                      e instanceof EngineException x && x.kind().isRetryable() && left(request) > 0;
                  if (again) {
                    log.info("trying again: {}", e.getMessage());
                    metrics.retried(((EngineException) e).kind());
                  }
                  return again;
                })
            .intervalBiFunction(
                (attempt, result) ->
                    Math.clamp(
                        backoff(result.getLeft()).apply(attempt),
                        1,
                        Math.max(1, TimeUnit.NANOSECONDS.toMillis(left(request)))))
            .build());
  }

  private static IntervalFunction backoff(Throwable failure) {
    return switch (((EngineException) failure).kind()) {
      case CONFLICT, ABSENT -> AT_ONCE;
      case CAPACITY -> SLOW_BACKOFF;
      case UNAVAILABLE, TRANSIENT, WORKSPACE, IMAGE_MISSING, REJECTED, FIREWALL, UNPROTECTED ->
          BACKOFF;
    };
  }

  private long left(EnsureRequest request) {
    return request.deadline().left(time);
  }
}
