/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import io.github.resilience4j.core.IntervalFunction;
import io.github.resilience4j.retry.Retry;
import io.github.resilience4j.retry.RetryConfig;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.Announcer;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.SandboxCommands;
import io.zcbot.sandbox.worker.sandbox.TerminationTarget;
import java.time.Duration;
import java.util.concurrent.Semaphore;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * Ends containers: kill, answer the commands, announce, remove, in this order. The kill comes
 * first, so that the announcement is true. The removal comes last, so that a crash before the
 * announcement leaves evidence for the next start, which announces the end with the same event id.
 * Thread-safe.
 */
public final class Termination {
  private static final Logger log = LoggerFactory.getLogger(Termination.class);

  private static final Retry ONCE =
      Retry.of("end once", RetryConfig.custom().maxAttempts(1).build());

  /** Six tries within about six seconds. */
  private static final Retry A_FEW_TIMES =
      Retry.of(
          "end",
          RetryConfig.custom()
              .maxAttempts(6)
              .intervalFunction(
                  IntervalFunction.ofExponentialRandomBackoff(
                      Duration.ofMillis(200), 2.0, 0.5, Duration.ofSeconds(5)))
              .retryOnException(Termination::mayPass)
              .build());

  private final Engine engine;
  private final Announcer announcer;
  private final Registry registry;
  private final SandboxCommands commands;
  private final Consumer<String> releaseSlot;
  private final int concurrency;
  private final Semaphore permits;

  /**
   * Creates the termination.
   *
   * @param releaseSlot undoes the mount of a slot, by its id, whose container ended
   * @param concurrency most concurrent engine calls, while users may wait for the engine
   */
  public Termination(
      Engine engine,
      Announcer announcer,
      Registry registry,
      SandboxCommands commands,
      Consumer<String> releaseSlot,
      int concurrency) {
    this.engine = engine;
    this.announcer = announcer;
    this.registry = registry;
    this.commands = commands;
    this.releaseSlot = releaseSlot;
    this.concurrency = concurrency;
    this.permits = new Semaphore(concurrency, true);
  }

  /**
   * Doubles the concurrency for good, because the worker stops and no users wait for the engine.
   */
  public void hurry() {
    permits.release(concurrency);
  }

  /**
   * Ends a container. Runs in the user's lane; blocks for the engine and the log. After an {@link
   * EngineException} it may be called again; once announced, the sandbox is out of the registry and
   * only its removal can be outstanding.
   *
   * <p>Only the engine's work is limited: while one termination waits for the log, others go on. If
   * many sandboxes end at once, all are killed and announced before the first is removed.
   */
  public void end(TerminationTarget target) throws EngineException, InterruptedException {
    end(target, () -> true, ONCE);
  }

  /**
   * Ends a sandbox as {@link #end} does, unless it was used while the kill waited for its turn.
   *
   * @param isUnused asked last, when nothing but the engine's own time is before the kill
   */
  public void endIfUnused(TerminationTarget target, BooleanSupplier isUnused)
      throws EngineException, InterruptedException {
    end(target, isUnused, ONCE);
  }

  /**
   * Ends a sandbox, if it is still the user's, when nobody would try again later: a failed kill is
   * retried a few times. Runs in the user's lane.
   */
  public void endInsistently(Sandbox sandbox, Reaped.@Nullable Reason reason)
      throws EngineException, InterruptedException {
    if (registry.get(sandbox.user()) == sandbox) {
      end(TerminationTarget.of(sandbox, reason), () -> true, A_FEW_TIMES);
    }
  }

  private void end(TerminationTarget target, BooleanSupplier isDue, Retry kills)
      throws EngineException, InterruptedException {
    try (var _ = MDC.putCloseable("container", target.containerId())) {
      Reaped.Reason reason = target.reason();
      if (reason != null) {
        if (!kill(target.containerId(), isDue, kills)) {
          log.info("it was used while its kill waited, and stays");
          return;
        }
        if (target.sandbox() != null) {
          target
              .sandbox()
              .releaseReservation(); // the reservation is free before the end is announced
        }
        commands.ended(target.user(), target.containerId());
        announcer.reaped(target, reason);
      }
      // Before the removal, which may fail: the sandbox must not be used any more, announced or
      // not.
      if (target.sandbox() != null) {
        registry.remove(target.sandbox());
      }
      try {
        var _ = permitted(() -> true, () -> remove(target));
      } finally {
        if (reason == null) { // not killed before; answer even if the removal failed
          commands.ended(target.user(), target.containerId());
        }
      }
    }
  }

  /** Kills a container; false if it is not due any more when the kill's turn comes. */
  private boolean kill(String containerId, BooleanSupplier isDue, Retry kills)
      throws EngineException, InterruptedException {
    try {
      return kills.executeCallable(() -> permitted(isDue, () -> engine.kill(containerId)));
    } catch (EngineException | InterruptedException | RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException("a kill declares no such failure", e);
    }
  }

  private static boolean mayPass(Throwable failure) {
    if (!(failure instanceof EngineException refused)) {
      return false; // an interrupt says nothing about the container
    }
    log.info("could not kill it: {}", refused.getMessage());
    return refused.kind().isRetryable();
  }

  private interface Step {
    void run() throws EngineException;
  }

  /** Waits for the step's turn, which may take long; false if it is not due any more then. */
  private boolean permitted(BooleanSupplier isDue, Step step)
      throws EngineException, InterruptedException {
    permits.acquire();
    try {
      if (!isDue.getAsBoolean()) {
        return false;
      }
      step.run();
      return true;
    } finally {
      permits.release();
    }
  }

  private void remove(TerminationTarget target) throws EngineException {
    try {
      engine.remove(target.containerId());
    } finally {
      // Even if the removal failed: it must not be used, and there may be no other try.
      if (target.slotId() != null) {
        releaseSlot.accept(target.slotId());
      }
    }
  }
}
