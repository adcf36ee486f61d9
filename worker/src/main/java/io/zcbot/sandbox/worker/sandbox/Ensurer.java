/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.github.resilience4j.core.IntervalFunction;
import io.github.resilience4j.retry.Retry;
import io.github.resilience4j.retry.RetryConfig;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * Answers ensures: looks, decides, acts, publishes. An attempt that fails for a passing reason is
 * made again from the look on, with backoff and jitter, until the ensure expires.
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

  private final Engine engine;
  private final Announcer announcer;
  private final Registry registry;
  private final Termination termination;
  private final Reaper reaper;
  private final NewUsers newUsers;
  private final WarmPool slots;
  private final Claims claims;
  private final Workspaces workspaces;
  private final SandboxSpec spec;
  private final String specHash;
  private final Identity identity;
  private final Time time;
  private final SandboxMetrics metrics;
  private final Semaphore creates;

  Ensurer(
      Engine engine,
      Announcer announcer,
      Registry registry,
      Termination termination,
      Reaper reaper,
      NewUsers newUsers,
      WarmPool slots,
      Claims claims,
      Workspaces workspaces,
      SandboxSpec spec,
      Identity identity,
      Time time,
      SandboxMetrics metrics,
      Semaphore creates) {
    this.engine = engine;
    this.announcer = announcer;
    this.registry = registry;
    this.termination = termination;
    this.reaper = reaper;
    this.newUsers = newUsers;
    this.slots = slots;
    this.claims = claims;
    this.workspaces = workspaces;
    this.spec = spec;
    this.specHash = spec.hash();
    this.identity = identity;
    this.time = time;
    this.metrics = metrics;
    this.creates = creates;
  }

  /**
   * Answers one ensure with a ready or a failed, and returns once the log has the answer. Runs in
   * the user's lane.
   *
   * @throws InterruptedException if the worker stops first; the ensure is not answered then
   */
  public void ensure(EnsureRequest request) throws InterruptedException {
    try (var _ = MDC.putCloseable("event", request.ensure().eventId())) {
      SandboxEvent answer = answer(request);
      request.fence().pass();
      switch (answer) {
        case Ready ready -> {
          announcer.ready(ready, request.arrived());
          registry.touch(request.user(), time.nanos());
          newUsers.served(request.user());
        }
        case Failed failed -> announcer.failed(failed, request.arrived());
        default -> throw new IllegalStateException("an ensure was answered with " + answer);
      }
    }
  }

  private SandboxEvent answer(EnsureRequest request) throws InterruptedException {
    if (left(request) <= 0) {
      return failed(
          request,
          Failed.Reason.EXPIRED,
          "the ensure was too old when its turn came; send a new one if it is still wanted",
          true);
    }
    var attempts =
        new Object() {
          int before;
        };
    try {
      return retrying(request)
          .executeCheckedSupplier(() -> attempt(request, attempts.before++ == 0));
    } catch (EngineException e) {
      if (e.kind().isRetryable() && left(request) > 0) {
        // Only an interrupt ends the retries before their time.
        throw (InterruptedException) new InterruptedException().initCause(e);
      }
      return failed(request, e.kind().reason(), e.getMessage(), e.kind().isRetryable());
    } catch (IOException e) {
      return failed(
          request,
          Failed.Reason.WORKSPACE,
          "the workspace can't be used: " + e.getMessage(),
          false);
    } catch (InterruptedException e) {
      throw e;
    } catch (Throwable e) {
      log.error("an ensure failed unexpectedly; please report this", e);
      return failed(request, Failed.Reason.INTERNAL, "unexpected fault in the worker: " + e, false);
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
      case UNAVAILABLE, TRANSIENT, IMAGE_MISSING, REJECTED, FIREWALL, UNPROTECTED -> BACKOFF;
    };
  }

  private SandboxEvent attempt(EnsureRequest request, boolean first)
      throws EngineException, IOException, InterruptedException {
    request.fence().pass(); // or a retry would go on for a user who is another worker's by now
    UserId user = request.user();
    Sandbox known = registry.get(user);
    boolean claimNow = first && known == null && slots.parked() > 0 && newUsers.admit(user);
    if (claimNow) {
      // No look before: the engine gives no slot the user's name while anything else has it.
      SandboxEvent claimed = claimed(request, workspaces.prepare(user));
      if (claimed != null) {
        return claimed;
      }
    }
    Decision decision =
        Decision.of(
            user,
            known,
            engine.verify(Container.nameOf(user), spec, user, workspaces.of(user)),
            specHash,
            identity.workerId());
    return switch (decision) {
      case Decision.Reuse reuse -> {
        reuse.sandbox().partition(request.partition());
        yield ready(request, reuse.sandbox(), Ready.Outcome.REUSED, workspaces.prepare(user));
      }
      case Decision.Create create -> create(request, create.remains(), !claimNow);
    };
  }

  private SandboxEvent create(
      EnsureRequest request, List<TerminationTarget> remains, boolean mayClaim)
      throws EngineException, IOException, InterruptedException {
    for (TerminationTarget each : remains) {
      termination.end(each);
    }
    if (!newUsers.admit(request.user())) {
      return failed(request, Failed.Reason.CAPACITY, newUsers.refusal(), true);
    }
    Path workspace = workspaces.prepare(request.user());
    SandboxEvent claimed = mayClaim ? claimed(request, workspace) : null;
    if (claimed != null) {
      return claimed;
    }
    if (!registry.tryReserve() && !slots.yieldPlace() && !reaper.makeRoom(request.deadline())) {
      return failed(
          request,
          Failed.Reason.CAPACITY,
          "the host runs "
              + registry.capacity()
              + " sandboxes, as many as it may, and none is idle long enough to make room",
          true);
    }
    boolean entered = false;
    try {
      if (!creates.tryAcquire(left(request), TimeUnit.NANOSECONDS)) {
        return failed(
            request,
            Failed.Reason.EXPIRED,
            "the ensure expired while it waited behind other creates",
            true);
      }
      try {
        request.fence().pass(); // the wait may have been long
        Sandbox sandbox = start(request, workspace);
        registry.add(sandbox);
        entered = true;
        boolean replaced = remains.stream().anyMatch(r -> r.reason() != null);
        return announced(
            request,
            sandbox,
            replaced ? Ready.Outcome.RECREATED : Ready.Outcome.CREATED,
            workspace);
      } finally {
        creates.release();
      }
    } finally {
      if (!entered) {
        registry.release();
      }
    }
  }

  /** A ready for a slot that is the user's now; null if one has to be created. */
  private @Nullable SandboxEvent claimed(EnsureRequest request, Path workspace)
      throws EngineException, InterruptedException {
    Sandbox claimed = claims.claim(request.user(), workspace, request.partition());
    if (claimed == null) {
      return null;
    }
    registry.add(claimed);
    return announced(request, claimed, Ready.Outcome.CLAIMED, workspace);
  }

  /** A ready for a sandbox that is new in the registry, once the live table has it. */
  private Ready announced(
      EnsureRequest request, Sandbox sandbox, Ready.Outcome outcome, Path workspace)
      throws EngineException, InterruptedException {
    try {
      request.fence().pass();
    } catch (InterruptedException e) {
      // Nobody was told of it, and the user's next worker may have made another: not a moment more.
      termination.end(TerminationTarget.of(sandbox, null));
      throw e;
    }
    announcer.opened(sandbox);
    return ready(request, sandbox, outcome, workspace);
  }

  private Sandbox start(EnsureRequest request, Path workspace) throws EngineException {
    String id = engine.create(spec, request.user(), identity.workerId(), workspace);
    try (var _ = MDC.putCloseable("container", id)) {
      engine.start(id);
    } catch (EngineException e) {
      // Nobody was told of it, so it goes without an announcement. If this fails too, the next
      // attempt or reconciliation finds it. A stop that interrupted the start must not keep it,
      // since this worker may not be started again.
      boolean interrupted = Thread.interrupted();
      try {
        engine.remove(id);
      } catch (EngineException again) {
        e.addSuppressed(again);
      } finally {
        if (interrupted) {
          Thread.currentThread().interrupt();
        }
      }
      throw e;
    }
    long now = time.nanos();
    return new Sandbox(request.user(), id, request.partition(), now, now);
  }

  private Ready ready(
      EnsureRequest request, Sandbox sandbox, Ready.Outcome outcome, Path workspace) {
    return new Ready(
        EventIds.ready(request.ensure().eventId(), sandbox.containerId()),
        request.user(),
        request.ensure().eventId(),
        time.now(),
        new ContainerRef(
            sandbox.containerName(), sandbox.containerId(), identity.host(), identity.workerId()),
        outcome,
        new Ready.Environment(
            identity.engineAddress(),
            spec.image(),
            spec.runtime() == null ? "default" : spec.runtime(),
            workspace.toString(),
            reaper.idleTtl()),
        TimeUnit.NANOSECONDS.toMillis(time.nanos() - request.arrived()));
  }

  private Failed failed(
      EnsureRequest request, Failed.Reason reason, String message, boolean retryable) {
    return new Failed(
        EventIds.failed(request.ensure().eventId()),
        request.user(),
        request.ensure().eventId(),
        time.now(),
        reason,
        message.length() > 1000 ? message.substring(0, 1000) + "…" : message,
        retryable);
  }

  private long left(EnsureRequest request) {
    return request.deadline() - time.nanos();
  }
}
