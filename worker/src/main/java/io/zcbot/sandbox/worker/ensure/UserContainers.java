/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.SandboxEngine;
import io.zcbot.sandbox.worker.engine.Verified;
import io.zcbot.sandbox.worker.sandbox.Place;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.Time;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import org.slf4j.MDC;

/** The containers that are created for their users. */
final class UserContainers {
  private final Engine engine;
  private final SandboxEngine sandboxes;
  private final Workspaces workspaces;
  private final Time time;

  UserContainers(Engine engine, SandboxEngine sandboxes, Workspaces workspaces, Time time) {
    this.engine = engine;
    this.sandboxes = sandboxes;
    this.workspaces = workspaces;
    this.time = time;
  }

  /** The container with the user's name on the engine, compared with the spec. */
  Optional<Verified> look(UserId user) throws EngineException {
    return sandboxes.verify(Container.nameOf(user), user, workspaces.of(user));
  }

  /** Returns once what a running sandbox hangs on is in force: ready says that it is (I3). */
  void prepare() throws EngineException {
    sandboxes.prepare();
  }

  /** Creates and starts the user's container. If that fails, nothing is left of it. */
  Sandbox create(EnsureRequest request, Path workspace, Place place)
      throws EngineException, IOException {
    String id = sandboxes.create(request.user(), workspace);
    Container started;
    try (var _ = MDC.putCloseable("container", id);
        var _ = workspaces.show(request.user(), sandboxes.uid(id))) {
      started = sandboxes.start(id);
    } catch (EngineException | IOException e) {
      remove(id, e);
      throw e;
    }
    long now = time.nanos();
    return new Sandbox(request.user(), started, request.partition(), now, now, place.handOver());
  }

  /**
   * Nobody was told of it, so it goes without an announcement. If this fails too, the next attempt
   * or the reconciliation finds it. A stop that interrupted the start must not keep it, since this
   * worker may not be started again.
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
