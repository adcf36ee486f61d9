/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineEvent;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Holds what this worker knows against what the engine shows: at startup, on engine events, and
 * periodically. It touches containers of this worker only (I7).
 */
public final class Reconciler {
  private static final Logger log = LoggerFactory.getLogger(Reconciler.class);

  private final Engine engine;
  private final Registry registry;
  private final Termination reaping;
  private final WarmPool slots;
  private final UserLanes lanes;
  private final Identity identity;
  private final SandboxSpec spec;
  private final Workspaces workspaces;
  private final Time time;

  Reconciler(
      Engine engine,
      Registry registry,
      Termination reaping,
      WarmPool slots,
      UserLanes lanes,
      Identity identity,
      SandboxSpec spec,
      Workspaces workspaces,
      Time time) {
    this.engine = engine;
    this.registry = registry;
    this.reaping = reaping;
    this.slots = slots;
    this.lanes = lanes;
    this.identity = identity;
    this.spec = spec;
    this.workspaces = workspaces;
    this.time = time;
  }

  /**
   * Reaps everything an earlier life of this worker left on the engine. Before the first ensure is
   * served; may be called again after a failure.
   *
   * @param live the live table, by container: what is not in it was announced reaped already, by
   *     the worker that took its user over, or was never announced
   * @return how many were reaped
   */
  public int purge(Map<String, LiveSandbox> live) throws EngineException, InterruptedException {
    return purge(own(), live);
  }

  /**
   * Takes over what an earlier life of this worker left running as it should be, and reaps the
   * rest.
   *
   * @param live as for {@link #purge}
   * @param partitionOf the partition of a user's records
   * @param lastActive taken as the last use of each, on the monotonic clock; the log tells of later
   *     ones
   * @return how many were taken over
   */
  public int adopt(
      Map<String, LiveSandbox> live, ToIntFunction<UserId> partitionOf, long lastActive)
      throws EngineException, InterruptedException {
    List<Container> rest = new ArrayList<>();
    for (Container listed : own()) {
      LiveSandbox entry = live.get(listed.id());
      if (entry == null) {
        rest.add(listed);
        continue;
      }
      Container container =
          engine
              .verify(listed.id(), spec, entry.userId(), workspaces.of(entry.userId()))
              .orElse(listed);
      if (!canBeAdopted(container, entry) || !hasWorkspace(entry.userId())) {
        rest.add(listed);
      } else if (registry.get(entry.userId()) == null && registry.tryReserve()) {
        long age = Math.max(0, Duration.between(entry.openedAt(), time.now()).toNanos());
        registry.add(
            new Sandbox(
                entry.userId(),
                container.id(),
                container.slotOf(identity.workerId()),
                partitionOf.applyAsInt(entry.userId()),
                time.nanos() - age,
                lastActive));
      }
    }
    purge(rest, live);
    return registry.size();
  }

  /** It runs as it was announced: not started again since, which would have begun its init anew. */
  private boolean canBeAdopted(Container container, LiveSandbox entry) {
    return container.isRunning()
        && container.name().equals(Container.nameOf(entry.userId()))
        && spec.hash().equals(container.specHash())
        && container.startedAt() != null
        && !container.startedAt().isAfter(entry.openedAt());
  }

  /** As an ensure would leave it: what was asked for since the start of its sandbox holds, too. */
  private boolean hasWorkspace(UserId user) {
    try {
      Path _ = workspaces.prepare(user);
      return true;
    } catch (IOException e) {
      log.warn("the workspace of {} can't be used: {}", user, e.getMessage());
      return false;
    }
  }

  private List<Container> own() throws EngineException {
    return engine.list().stream().filter(c -> c.isOwnedBy(identity.workerId())).toList();
  }

  private int purge(List<Container> left, Map<String, LiveSandbox> live)
      throws EngineException, InterruptedException {
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      Map<Container, Future<?>> reaps = new HashMap<>();
      for (Container container : left) {
        Reaped.Reason reason = live.containsKey(container.id()) ? Reaped.Reason.PURGED : null;
        reaps.put(
            container,
            threads.submit(
                () -> {
                  reaping.reap(
                      userOf(container),
                      TerminationTarget.of(container, identity.workerId(), reason));
                  return null;
                }));
      }
      for (Future<?> reap : reaps.values()) {
        try {
          reap.get();
        } catch (ExecutionException e) {
          switch (e.getCause()) {
            case EngineException failed -> throw failed;
            case InterruptedException stopped -> throw stopped;
            case null, default -> throw new IllegalStateException("purge failed", e);
          }
        } catch (InterruptedException e) {
          threads.shutdownNow();
          throw e;
        }
      }
    }
    return left.size();
  }

  /** Takes note of something that happened on the engine. Never blocks. */
  public void on(EngineEvent event) {
    Container.Owner owner = event.owner();
    if (owner == null) {
      slots.on(event);
      return;
    }
    UserId user = owner.user();
    Sandbox sandbox = registry.get(user);
    if (sandbox == null || !sandbox.containerId().equals(event.containerId())) {
      return;
    }
    switch (event.kind()) {
      case EXEC -> sandbox.touch(time.nanos());
      case DIED, DESTROYED, PAUSED, RENAMED ->
          lanes.submit(user, () -> look(sandbox, event.exitCode()));
    }
  }

  /**
   * Compares all there is with all that should be, and queues what follows. The listing is taken
   * first and judged in the lanes, so that work under way meanwhile is no difference.
   */
  public void reconcile() throws EngineException {
    Map<String, Container> byId = new HashMap<>();
    for (Container container : engine.list()) {
      byId.put(container.id(), container);
    }
    for (Sandbox sandbox : registry.all()) {
      Container container = byId.remove(sandbox.containerId());
      if (container == null || !isAsItShouldBe(sandbox, container)) {
        lanes.submit(sandbox.user(), () -> look(sandbox, null));
      }
    }
    List<Container> strays = new ArrayList<>(byId.values());
    strays.removeIf(c -> !c.isOwnedBy(identity.workerId()));
    for (Container stray : strays) {
      lanes.submit(userOf(stray), () -> sweep(stray));
    }
  }

  private static boolean isAsItShouldBe(Sandbox sandbox, Container container) {
    return container.isRunning() && container.name().equals(sandbox.containerName());
  }

  /** In the lane: announces a sandbox that is no longer there or no longer usable. */
  private void look(Sandbox sandbox, @Nullable Integer exitCode) {
    if (registry.get(sandbox.user()) != sandbox) {
      return;
    }
    act(
        "reconcile",
        () -> {
          Optional<Container> found = engine.find(sandbox.containerId());
          if (found.isPresent() && isAsItShouldBe(sandbox, found.get())) {
            return;
          }
          TerminationTarget remains = TerminationTarget.died(sandbox, found.orElse(null));
          if (remains.exitCode() == null && exitCode != null) {
            remains = TerminationTarget.died(sandbox, exitCode, null);
          }
          reaping.reap(sandbox.user(), remains);
        });
  }

  /**
   * In the lane: removes a container of ours that is not in the registry. What is announced leaves
   * the registry before it is removed, so such a one was announced gone or never announced at all.
   */
  private void sweep(Container stray) {
    Sandbox known = registry.get(userOf(stray));
    if (known != null && known.containerId().equals(stray.id())) {
      return;
    }
    act(
        "sweep",
        () -> reaping.reap(userOf(stray), TerminationTarget.of(stray, identity.workerId(), null)));
  }

  private static void act(String what, Step step) {
    try {
      step.run();
    } catch (EngineException e) {
      log.warn("could not {}, will be tried again: {}", what, e.getMessage());
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  private interface Step {
    void run() throws EngineException, InterruptedException;
  }

  private static UserId userOf(Container container) {
    Container.Owner owner = container.owner();
    if (owner == null) {
      throw new IllegalStateException("not a sandbox: " + container);
    }
    return owner.user();
  }
}
