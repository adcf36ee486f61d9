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
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.reap.Termination;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.sandbox.TerminationTarget;
import io.zcbot.sandbox.worker.sandbox.Time;
import io.zcbot.sandbox.worker.sandbox.UserLanes;
import java.time.Duration;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Ends sandboxes that nobody needs, and those in which no command can be reached any more. */
final class SandboxEnds {
  private static final Logger log = LoggerFactory.getLogger(SandboxEnds.class);

  private static final Retry RETRY =
      Retry.of(
          "end",
          RetryConfig.custom()
              .maxAttempts(6)
              .intervalFunction(
                  IntervalFunction.ofExponentialRandomBackoff(
                      Duration.ofMillis(200), 2.0, 0.5, Duration.ofSeconds(5)))
              .retryOnException(EngineException.class::isInstance)
              .build());

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
   * Ends the user's sandbox, if it is the one that is meant and somebody still wants it. Runs in
   * the user's lane.
   */
  void release(Release release, Fence fence) throws FencedException, InterruptedException {
    if (release.expiresAt() != null && !time.now().isBefore(release.expiresAt())) {
      log.info("release {} expired; the sandbox stays", release.eventId());
      metrics.releaseExpired();
      return;
    }
    Sandbox sandbox = registry.get(release.userId());
    String meant = release.containerId();
    if (sandbox == null || (meant != null && !meant.equals(sandbox.containerId()))) {
      log.info("there is no such sandbox to release");
      return;
    }
    fence.pass();
    end(sandbox, Reaped.Reason.REQUESTED);
  }

  /** Queues the end of a sandbox that would keep its user from every command. */
  void endUnreachable(Sandbox sandbox) {
    log.warn("nothing in {} answers any more; it is ended", sandbox.containerId());
    var _ =
        lanes.submit(
            sandbox.user(),
            () -> {
              try {
                end(sandbox, Reaped.Reason.DIED);
              } catch (InterruptedException _) {
                Thread.currentThread().interrupt();
              }
            });
  }

  private void end(Sandbox sandbox, Reaped.Reason reason) throws InterruptedException {
    try {
      RETRY.executeCheckedSupplier(
          () -> {
            if (registry.get(sandbox.user()) == sandbox) {
              termination.end(TerminationTarget.of(sandbox, reason));
            }
            return Boolean.TRUE;
          });
    } catch (InterruptedException | RuntimeException e) {
      throw e;
    } catch (Throwable e) {
      log.warn("could not end {}: {}", sandbox.containerId(), e.getMessage());
    }
  }
}
