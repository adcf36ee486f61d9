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
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * Ends one container: kill, answer its commands, announce, remove, in this order. Killed first, so
 * that what is announced is true; removed last, so that a crash before the announcement leaves the
 * evidence for the next start's purge, which announces it then, under the same event id.
 */
public final class Termination {
  private static final Logger log = LoggerFactory.getLogger(Termination.class);

  private static final Retry ONCE =
      Retry.of("end once", RetryConfig.custom().maxAttempts(1).build());

  /** Within some six seconds. */
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
   * Ends containers with at most so many engine calls at once, as long as users may wait for the
   * engine.
   *
   * @param releaseSlot undoes the mount of a slot, by its id, whose container ended
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

  /** The worker stops and nobody waits for the engine: twice as many calls at once, for good. */
  public void hurry() {
    permits.release(concurrency);
  }

  /**
   * Ends a container. Runs in the user's lane. After an {@link EngineException} it may be called
   * again; once announced, the sandbox is out of the registry and only the removal can be
   * outstanding.
   *
   * <p>Only the engine's work is rationed: while one termination waits for the log, others go on.
   * Where many end at once, all are killed and announced before the first is removed.
   */
  public void end(TerminationTarget target) throws EngineException, InterruptedException {
    end(target, ONCE);
  }

  /**
   * Ends a sandbox to which nobody comes back, if it is still the user's: while the engine can't
   * kill it, it is tried a few times. Runs in the user's lane.
   */
  public void endInsistently(Sandbox sandbox, Reaped.@Nullable Reason reason)
      throws EngineException, InterruptedException {
    if (registry.get(sandbox.user()) == sandbox) {
      end(TerminationTarget.of(sandbox, reason), A_FEW_TIMES);
    }
  }

  private void end(TerminationTarget target, Retry kills)
      throws EngineException, InterruptedException {
    try (var _ = MDC.putCloseable("container", target.containerId())) {
      Reaped.Reason reason = target.reason();
      if (reason != null) {
        kill(target.containerId(), kills);
        if (target.sandbox() != null) {
          target.sandbox().freePlace(); // whoever hears of the end finds the room
        }
        commands.ended(target.user(), target.containerId());
        announcer.reaped(target, reason);
      }
      // Before the removal, which may fail: it must not be used any more, announced or not.
      if (target.sandbox() != null) {
        registry.remove(target.sandbox());
      }
      try {
        permitted(() -> remove(target));
      } finally {
        if (reason == null) { // it ran until now, and nobody may come back to it
          commands.ended(target.user(), target.containerId());
        }
      }
    }
  }

  private void kill(String containerId, Retry kills) throws EngineException, InterruptedException {
    try {
      boolean _ =
          kills.executeCallable(
              () -> {
                permitted(() -> engine.kill(containerId));
                return true;
              });
    } catch (EngineException | InterruptedException | RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException("a kill declares no such failure", e);
    }
  }

  private static boolean mayPass(Throwable failure) {
    if (!(failure instanceof EngineException refused)) {
      return false; // an interrupt says nothing of the container
    }
    log.info("could not kill it: {}", refused.getMessage());
    return refused.kind().isRetryable();
  }

  private interface Step {
    void run() throws EngineException;
  }

  private void permitted(Step step) throws EngineException, InterruptedException {
    permits.acquire();
    try {
      step.run();
    } finally {
      permits.release();
    }
  }

  private void remove(TerminationTarget target) throws EngineException {
    try {
      engine.remove(target.containerId());
    } finally {
      // Whether or not it is gone: it must not be used, and nobody may come back to it.
      if (target.slotId() != null) {
        releaseSlot.accept(target.slotId());
      }
    }
  }
}
