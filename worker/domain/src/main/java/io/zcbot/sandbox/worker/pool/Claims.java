/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.pool;

import io.zcbot.sandbox.events.Network;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.ProfileEngines;
import io.zcbot.sandbox.worker.engine.Verified;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics.Claim;
import io.zcbot.sandbox.worker.spec.Profile;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * Turns an idle slot into a user's sandbox: mounts the workspace, renames the container, and
 * verifies the result. A slot for which that fails is destroyed.
 *
 * <p>Until the container has the user's name, it is a slot, which the next start removes together
 * with its mount. From then on, it is a sandbox that was not announced, like one that was just
 * created.
 */
final class Claims {
  private static final Logger log = LoggerFactory.getLogger(Claims.class);

  private final WarmPool slots;
  private final ProfileEngines engines;
  private final Time time;
  private final SandboxMetrics metrics;

  Claims(WarmPool slots, ProfileEngines engines, Time time, SandboxMetrics metrics) {
    this.slots = slots;
    this.engines = engines;
    this.time = time;
    this.metrics = metrics;
  }

  /**
   * Claims a slot for a user who has no sandbox. The workspace must exist. Runs in the user's lane;
   * blocks for the engine.
   *
   * @return the sandbox; null if it has to be created
   * @throws EngineException if no sandbox can be made at the moment, or if the container with the
   *     user's name must be looked at first
   */
  @Nullable Sandbox claim(
      UserId user, Profile profile, Network network, Path workspace, int partition)
      throws EngineException {
    if (!slots.areWanted(profile)) {
      return null;
    }
    engines
        .sandboxes(profile)
        .prepare(); // first, so that a failure, which is retried, costs no slot
    Slot slot = slots.take(profile);
    if (slot == null) {
      return null;
    }
    Container claimed = null;
    try (var _ = MDC.putCloseable("container", slot.containerId())) {
      slot.directory().mount(user);
      slot.entrance().open();
      Container renamed = rename(slot, user, profile, workspace);
      if (network.allow() != null) {
        engines.sandboxes(profile).let(slot.containerId(), network.allow());
      }
      claimed = renamed;
      metrics.claimed(profile.name(), Claim.CLAIMED);
    } catch (IOException e) {
      log.warn("could not mount the workspace in slot {}: {}", slot.id(), e.getMessage());
      metrics.claimed(profile.name(), Claim.MOUNT_FAILED);
    } catch (EngineException e) {
      log.warn("slot {} could not be claimed: {}", slot.id(), e.getMessage());
      metrics.claimed(profile.name(), Claim.ENGINE_FAILED);
      if (e.kind() == EngineException.Kind.CONFLICT
          || e.kind() == EngineException.Kind.UNAVAILABLE) {
        throw e;
      }
    } finally {
      if (claimed != null) {
        slots.claimed(slot);
      } else {
        slots.discard(slot);
      }
    }
    if (claimed == null) {
      return null;
    }
    long now = time.nanos();
    Sandbox sandbox =
        new Sandbox(user, profile, claimed, partition, now, now, slot.reservation().handOver());
    sandbox.reaches(network);
    return sandbox;
  }

  /**
   * Renames the container. Its name afterwards decides, not the engine's answer, which may be lost.
   */
  private Container rename(Slot slot, UserId user, Profile profile, Path workspace)
      throws EngineException {
    String name = Container.nameOf(user);
    EngineException failure = null;
    try {
      engines.slots(profile).rename(slot.containerId(), name);
    } catch (EngineException e) {
      failure = e;
    }
    Verified found =
        engines.sandboxes(profile).verify(slot.containerId(), user, workspace).orElse(null);
    if (found != null
        && slot.isIntact(found.container())
        && found.container().name().equals(name)
        && found.isAsSpecified()) {
      return found.container();
    }
    if (failure != null) {
      throw failure;
    }
    throw new EngineException(
        EngineException.Kind.ABSENT,
        "rename",
        "it differs from its state at its creation: " + found,
        null);
  }
}
