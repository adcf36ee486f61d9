/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.github.resilience4j.core.IntervalFunction;
import io.github.resilience4j.retry.Retry;
import io.github.resilience4j.retry.RetryConfig;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Release;
import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.reap.Termination;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.sandbox.TerminationTarget;
import io.zcbot.sandbox.worker.sandbox.UserLanes;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Ends sandboxes that were released, and those in which no command can be reached any more. */
final class SandboxEnds {
  private static final Logger log = LoggerFactory.getLogger(SandboxEnds.class);

  private static final IntervalFunction BACKOFF =
      IntervalFunction.ofExponentialRandomBackoff(
          Duration.ofMillis(200), 2.0, 0.5, Duration.ofSeconds(5));

  /** The same as the longest time that an ensure is worked on. */
  private static final Duration LONGEST_RELEASE = Duration.ofMinutes(10);

  private final Registry registry;
  private final Termination termination;
  private final UserLanes lanes;
  private final Time time;
  private final SandboxMetrics metrics;

  SandboxEnds(
      Registry registry,
      Termination termination,
      UserLanes lanes,
      Time time,
      SandboxMetrics metrics) {
    this.registry = registry;
    this.termination = termination;
    this.lanes = lanes;
    this.time = time;
    this.metrics = metrics;
  }

  /**
   * Ends the user's sandbox, if it is the one that is meant and the release has not expired. Runs
   * in the user's lane and blocks; while the engine is away, it retries until the release expires.
   *
   * @throws StoppedException if the worker stops first; the release is read again then
   */
  void release(Release release, Fence fence) throws FencedException, InterruptedException {
    long deadline = time.nanos() + patience(release).toNanos();
    try {
      retrying(deadline)
          .executeCheckedSupplier(
              () -> {
                fence.pass();
                tryRelease(release);
                return Boolean.TRUE;
              });
    } catch (FencedException | InterruptedException | RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      if (isWorthAnotherTry(e, deadline)) {
        // Retries end before the deadline only by an interrupt.
        throw new StoppedException("the worker stopped before the sandbox was released", e);
      }
      log.warn("gave release {} up; the sandbox stays: {}", release.eventId(), e.getMessage());
      if (isExpired(release)) {
        metrics.releaseExpired();
      }
    }
  }

  private Duration patience(Release release) {
    if (release.expiresAt() == null) {
      return LONGEST_RELEASE;
    }
    Duration left = Duration.between(time.now(), release.expiresAt());
    if (left.isNegative()) {
      return Duration.ZERO; // it may be too long ago for nanoseconds
    }
    return left.compareTo(LONGEST_RELEASE) < 0 ? left : LONGEST_RELEASE;
  }

  private Retry retrying(long deadline) {
    return Retry.of(
        "release",
        RetryConfig.custom()
            .maxAttempts(Integer.MAX_VALUE)
            .retryOnException(
                e -> {
                  boolean again = isWorthAnotherTry(e, deadline);
                  if (again) {
                    log.info("trying to release again: {}", e.getMessage());
                  }
                  return again;
                })
            .intervalBiFunction(
                (attempt, _) ->
                    Math.clamp(
                        TimeUnit.NANOSECONDS.toMillis(deadline - time.nanos()),
                        1,
                        BACKOFF.apply(attempt)))
            .build());
  }

  private boolean isWorthAnotherTry(Throwable failure, long deadline) {
    return failure instanceof EngineException refused
        && refused.kind().isRetryable()
        && deadline - time.nanos() > 0;
  }

  private boolean isExpired(Release release) {
    return release.expiresAt() != null && !time.now().isBefore(release.expiresAt());
  }

  private void tryRelease(Release release) throws EngineException, InterruptedException {
    if (isExpired(release)) {
      log.debug("release {} expired; the sandbox stays", release.eventId());
      metrics.releaseExpired();
      return;
    }
    Sandbox sandbox = registry.get(release.userId());
    String meant = release.containerId();
    if (sandbox == null || (meant != null && !meant.equals(sandbox.containerId()))) {
      log.debug("there is no such sandbox to release");
      return;
    }
    termination.end(TerminationTarget.of(sandbox, Reaped.Reason.REQUESTED));
  }

  /** Queues the end of a sandbox that answers no command. Does not block. */
  void endUnreachable(Sandbox sandbox) {
    log.warn("nothing in {} answers any more; it is ended", sandbox.containerId());
    var _ =
        lanes.submit(
            sandbox.user(),
            () -> {
              try {
                termination.endInsistently(sandbox, Reaped.Reason.DIED);
              } catch (EngineException e) {
                log.warn("could not end {}: {}", sandbox.containerId(), e.getMessage());
              } catch (InterruptedException _) {
                Thread.currentThread().interrupt();
              }
            });
  }
}
