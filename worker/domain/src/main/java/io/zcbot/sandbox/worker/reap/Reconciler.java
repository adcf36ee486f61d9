/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineEvent;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.pool.WarmPool;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.TerminationTarget;
import io.zcbot.sandbox.worker.sandbox.UserLanes;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Compares this worker's registry with the containers on the engine, on engine events and
 * periodically. It touches only containers of this worker (I7).
 */
public final class Reconciler {
  private final Engine engine;
  private final Registry registry;
  private final Termination termination;
  private final WarmPool slots;
  private final LaneSteps steps;
  private final Time time;

  private final Set<Pending> pending = ConcurrentHashMap.newKeySet();

  /** A step that followed from a comparison, and that its user's lane has not done yet. */
  private record Pending(String containerId, String what) {}

  public Reconciler(
      Engine engine,
      Registry registry,
      Termination termination,
      WarmPool slots,
      UserLanes lanes,
      Time time) {
    this.engine = engine;
    this.registry = registry;
    this.termination = termination;
    this.slots = slots;
    this.steps = new LaneSteps(lanes);
    this.time = time;
  }

  /** Handles an engine event. Never blocks. */
  public void on(EngineEvent event) {
    UserId user = event.user();
    if (user == null) {
      slots.on(event);
      return;
    }
    Sandbox sandbox = registry.get(user);
    if (sandbox == null || !sandbox.containerId().equals(event.containerId())) {
      return;
    }
    switch (event.kind()) {
      case EXEC -> sandbox.touch(time.nanos(), Reaped.Use.EXEC);
      case DIED, DESTROYED, PAUSED, RENAMED -> {
        var _ = steps.queue(user, "end a dead sandbox", () -> check(sandbox, event.exitCode()));
      }
    }
  }

  /**
   * Compares all containers with the registry, and queues what follows. The listing is taken first
   * and judged in the lanes, so that work in progress is no difference. What is queued already is
   * not queued again, because a lane that waits for the log would only grow. Blocks for the
   * listing.
   */
  public void reconcile() throws EngineException {
    Map<String, Container> byId = new HashMap<>();
    for (Container container : engine.list()) {
      byId.put(container.id(), container);
    }
    for (Sandbox sandbox : registry.all()) {
      Container container = byId.remove(sandbox.containerId());
      if (container == null || !isAsItShouldBe(sandbox, container)) {
        queueOnce(
            sandbox.user(),
            new Pending(sandbox.containerId(), "end a dead sandbox"),
            () -> check(sandbox, null));
      }
    }
    for (Container stray : byId.values()) {
      UserId user = stray.user();
      if (user != null && stray.isOurs()) {
        queueOnce(
            user, new Pending(stray.id(), "remove an unknown container"), () -> sweep(user, stray));
      }
    }
  }

  private void queueOnce(UserId user, Pending next, LaneSteps.Step step) {
    if (pending.add(next)) {
      var _ = steps.queue(user, next.what(), step).whenComplete((_, _) -> pending.remove(next));
    }
  }

  /** Ends a sandbox that is gone or no longer usable. Runs in the lane. */
  private void check(Sandbox sandbox, @Nullable Integer exitCode)
      throws EngineException, InterruptedException {
    if (registry.get(sandbox.user()) != sandbox) {
      return;
    }
    Optional<Container> found = engine.find(sandbox.containerId());
    if (found.isPresent() && isAsItShouldBe(sandbox, found.get())) {
      return;
    }
    TerminationTarget target = TerminationTarget.died(sandbox, found.orElse(null));
    if (target.exitCode() == null && exitCode != null) {
      target = TerminationTarget.died(sandbox, exitCode, null);
    }
    termination.end(target);
  }

  private static boolean isAsItShouldBe(Sandbox sandbox, Container container) {
    return sandbox.runsIn(container) && container.name().equals(sandbox.containerName());
  }

  /**
   * Removes a container of this worker that is not in the registry. Runs in the lane. A sandbox
   * leaves the registry when its end is announced, so this one was announced gone or never
   * announced.
   */
  private void sweep(UserId user, Container stray) throws EngineException, InterruptedException {
    Sandbox known = registry.get(user);
    if (known == null || !known.containerId().equals(stray.id())) {
      termination.end(TerminationTarget.of(user, stray, null));
    }
  }
}
