/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.SandboxEngine;
import io.zcbot.sandbox.worker.engine.Verified;
import io.zcbot.sandbox.worker.sandbox.Capacity;
import io.zcbot.sandbox.worker.sandbox.Place;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.Time;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.ToIntFunction;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Handles the containers that a previous run of this worker left on the engine. They are removed or
 * taken over before the first ensure is served. Containers of other workers are left alone (I7).
 */
public final class PreviousRun {
  private static final Logger log = LoggerFactory.getLogger(PreviousRun.class);

  private final Engine engine;
  private final SandboxEngine sandboxes;
  private final Registry registry;
  private final Capacity capacity;
  private final Purge purge;
  private final Workspaces workspaces;
  private final Time time;

  public PreviousRun(
      Engine engine,
      SandboxEngine sandboxes,
      Registry registry,
      Capacity capacity,
      Termination termination,
      Workspaces workspaces,
      Time time) {
    this.engine = engine;
    this.sandboxes = sandboxes;
    this.registry = registry;
    this.capacity = capacity;
    this.purge = new Purge(engine, termination);
    this.workspaces = workspaces;
    this.time = time;
  }

  /**
   * Ends everything it left. May be called again after a failure.
   *
   * @param live the live table, by container: what is not in it was announced reaped already, by
   *     the worker that took its user over, or was never announced
   * @return how many containers were ended
   */
  public int purge(Map<String, LiveSandbox> live) throws EngineException, InterruptedException {
    List<Container> left = own();
    purge.endAll(left, live);
    return left.size();
  }

  /**
   * Takes over what still runs as it should, and ends the rest.
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
      Verified verified =
          sandboxes
              .verify(listed.id(), entry.userId(), workspaces.of(entry.userId()))
              .orElse(new Verified(listed, false));
      Container container = verified.container();
      if (!canBeAdopted(verified, entry) || !hasWorkspace(entry.userId())) {
        rest.add(listed);
      } else if (registry.get(entry.userId()) == null) {
        Place place = capacity.tryTake();
        if (place != null) {
          long age = Math.max(0, Duration.between(entry.openedAt(), time.now()).toNanos());
          registry.add(
              new Sandbox(
                  entry.userId(),
                  container.id(),
                  container.ourSlot(),
                  partitionOf.applyAsInt(entry.userId()),
                  time.nanos() - age,
                  lastActive,
                  place));
        }
      }
    }
    purge.endAll(rest, live);
    return registry.size();
  }

  /** It runs as it was announced: not started again since, which would have begun its init anew. */
  private static boolean canBeAdopted(Verified verified, LiveSandbox entry) {
    Container container = verified.container();
    return container.isRunning()
        && container.name().equals(Container.nameOf(entry.userId()))
        && verified.isAsSpecified()
        && container.startedAt() != null
        && !container.startedAt().isAfter(entry.openedAt());
  }

  /** As an ensure would leave it, with the limits that are configured now. */
  private boolean hasWorkspace(UserId user) {
    try {
      Path _ = workspaces.prepare(user);
      return true;
    } catch (IOException e) {
      log.warn("could not use the workspace of {}: {}", user, e.getMessage());
      return false;
    }
  }

  private List<Container> own() throws EngineException {
    return engine.list().stream().filter(Container::isOurs).toList();
  }
}
