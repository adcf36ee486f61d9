/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.Semaphore;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * Ends one container: kill, announce, remove, in this order. Killed first, so that the announcement
 * is true; removed last, so that a crash before the announcement leaves the evidence for the next
 * start's purge, which announces it then, under the same event id.
 */
final class Termination {
  private static final Logger log = LoggerFactory.getLogger(Termination.class);

  private final Engine engine;
  private final EventSink sink;
  private final LiveSandboxTable ledger;
  private final Registry registry;
  private final WarmPool slots;
  private final Identity identity;
  private final Time time;
  private final SandboxMetrics metrics;
  private final Semaphore permits;

  Termination(
      Engine engine,
      EventSink sink,
      LiveSandboxTable ledger,
      Registry registry,
      WarmPool slots,
      Identity identity,
      Time time,
      SandboxMetrics metrics,
      int concurrency) {
    this.engine = engine;
    this.sink = sink;
    this.ledger = ledger;
    this.registry = registry;
    this.slots = slots;
    this.identity = identity;
    this.time = time;
    this.metrics = metrics;
    this.permits = new Semaphore(concurrency, true);
  }

  /**
   * Reaps. Runs in the user's lane. After an {@link EngineException} it may be called again; once
   * announced, the sandbox is out of the registry and only the removal can be outstanding.
   *
   * <p>Only the engine's work is rationed: while one reap waits for the log, others go on. Where
   * many end at once, all are killed and announced before the first is removed.
   */
  void reap(UserId user, TerminationTarget remains) throws EngineException, InterruptedException {
    try (var _ = MDC.putCloseable("container", remains.containerId())) {
      Reaped.Reason reason = remains.reason();
      if (reason != null) {
        permitted(() -> engine.kill(remains.containerId()));
        announce(user, remains, reason);
      } else {
        // Others announced it, so it must not be reused, even if its removal fails.
        forget(remains);
      }
      permitted(() -> remove(remains));
    }
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

  private void remove(TerminationTarget remains) throws EngineException {
    try {
      engine.remove(remains.containerId());
    } finally {
      // Whether or not it is gone: it must not be used, and nobody may come back to it.
      if (remains.slotId() != null) {
        slots.release(remains.slotId());
      }
    }
  }

  /** Announces that a sandbox went with its host. Runs in the user's lane. */
  void lost(LiveSandbox live) throws InterruptedException {
    try (var _ = MDC.putCloseable("container", live.containerId())) {
      publish(
          live.userId(),
          TerminationTarget.lost(live.containerId()),
          Reaped.Reason.LOST,
          live.host());
    }
  }

  private void announce(UserId user, TerminationTarget remains, Reaped.Reason reason)
      throws InterruptedException {
    publish(user, remains, reason, identity.host());
    forget(remains);
  }

  private void forget(TerminationTarget remains) {
    Sandbox sandbox = remains.sandbox();
    if (sandbox != null) {
      registry.remove(sandbox);
    }
  }

  private void publish(UserId user, TerminationTarget remains, Reaped.Reason reason, String host)
      throws InterruptedException {
    Sandbox sandbox = remains.sandbox();
    sink.publish(
        new Reaped(
            EventIds.reaped(remains.containerId()),
            user,
            time.now(),
            new ContainerRef(
                Container.nameOf(user), remains.containerId(), host, identity.workerId()),
            reason,
            sandbox == null ? null : wallClock(sandbox.lastActive()),
            remains.exitCode(),
            remains.oomKilled()));
    ledger.close(user, remains.containerId());
    metrics.reaped(reason);
    log.info("reaped ({}){}", reason.wire(), exit(remains.exitCode()));
  }

  private Instant wallClock(long nanos) {
    return time.now().minus(Duration.ofNanos(time.nanos() - nanos));
  }

  private static String exit(@Nullable Integer code) {
    return code == null ? "" : ", exit code " + code;
  }
}
