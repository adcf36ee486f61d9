/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import io.zcbot.sandbox.events.Network;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.ProfileEngines;
import io.zcbot.sandbox.worker.engine.SandboxEngine;
import io.zcbot.sandbox.worker.engine.Verified;
import io.zcbot.sandbox.worker.sandbox.Reservation;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.Terms;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.spec.Profile;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.slf4j.MDC;

/**
 * The containers that are created for one user each, in contrast to slots of the warm pool. The
 * calls block for the engine.
 */
final class UserContainers {
  private final Engine engine;
  private final ProfileEngines engines;
  private final Workspaces workspaces;
  private final Time time;

  UserContainers(Engine engine, ProfileEngines engines, Workspaces workspaces, Time time) {
    this.engine = engine;
    this.engines = engines;
    this.workspaces = workspaces;
    this.time = time;
  }

  /** Looks at the container with the user's name, and compares it with a spec; empty if none. */
  Optional<Verified> look(UserId user, Profile profile) throws EngineException {
    return engines.sandboxes(profile).verify(Container.nameOf(user), user, workspaces.of(user));
  }

  /** Returns once what running sandboxes depend on, such as the firewall, is in force (I3). */
  void prepare(Profile profile) throws EngineException {
    engines.sandboxes(profile).prepare();
  }

  /** Lets a running sandbox reach what it now may, before that is announced. */
  void let(Sandbox sandbox, Network network) throws EngineException {
    if (!network.equals(sandbox.reaches())) {
      sandbox.reaches(null); // what holds after a failure is not known
      engines.sandboxes(sandbox.profile()).let(sandbox.containerId(), network.allow());
      sandbox.reaches(network);
    }
  }

  /**
   * Creates and starts the user's container; removes it again if the start fails.
   *
   * @param reservation the new sandbox takes it over
   */
  Sandbox create(EnsureRequest request, Profile profile, Path workspace, Reservation reservation)
      throws EngineException, IOException {
    SandboxEngine sandboxes = engines.sandboxes(profile);
    Network network = Terms.NONE.after(request.ensure()).network();
    String id = sandboxes.create(request.user(), workspace);
    Container started;
    try (var _ = MDC.putCloseable("container", id);
        var _ = workspaces.show(request.user(), sandboxes.uid(id))) {
      started = sandboxes.start(id);
      if (network.allow() != null) {
        sandboxes.let(id, network.allow());
      }
    } catch (EngineException | IOException e) {
      remove(id, e);
      throw e;
    }
    long now = time.nanos();
    Sandbox sandbox =
        new Sandbox(
            request.user(),
            profile,
            started,
            request.partition(),
            now,
            now,
            reservation.handOver());
    sandbox.reaches(network);
    return sandbox;
  }

  /**
   * Removes a container that was not announced, so without an announcement. If this fails too, the
   * next attempt or reconciliation finds it. If a stop interrupted the start, the container must be
   * removed all the same, since this worker may never be started again.
   */
  private void remove(String id, Exception because) {
    boolean interrupted = Thread.interrupted();
    try {
      engine.remove(id);
    } catch (EngineException again) {
      because.addSuppressed(again);
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
