/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.pool;

import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.ProfileEngines;
import io.zcbot.sandbox.worker.engine.SlotEngine;
import io.zcbot.sandbox.worker.engine.Verified;
import io.zcbot.sandbox.worker.sandbox.Reservation;
import io.zcbot.sandbox.worker.spec.Profile;
import java.io.IOException;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Creates and removes slots. The calls block for the engine. */
final class SlotFactory {
  private static final Logger log = LoggerFactory.getLogger(SlotFactory.class);

  private final Engine engine;
  private final ProfileEngines engines;
  private final SlotMounts mounts;
  private final IdleSlots pool;
  private volatile @Nullable Thread starting;

  SlotFactory(Engine engine, ProfileEngines engines, SlotMounts mounts, IdleSlots pool) {
    this.engine = engine;
    this.engines = engines;
    this.mounts = mounts;
    this.pool = pool;
  }

  /**
   * Creates and starts a slot; returns once it has shown that it sees later mounts. If that fails,
   * removes what was made.
   */
  Slot make(Profile profile, String id, Reservation reservation)
      throws EngineException, IOException {
    SlotEngine slotEngine = engines.slots(profile);
    SlotMounts.Directory directory = null;
    String containerId = null;
    Slot made = null;
    try {
      directory = mounts.create(id);
      Optional<String> image = slotEngine.imageId();
      containerId = slotEngine.createSlot(id, directory.path());
      directory = directory.shownTo(slotEngine.uid(containerId));
      if (image.isEmpty()) { // the create pulled it
        image = slotEngine.imageId();
      }
      start(slotEngine, containerId, directory);
      directory.unmountProbe();
      Verified found = slotEngine.verifySlot(containerId, directory.path()).orElse(null);
      if (found == null || !found.container().isRunning()) {
        throw new EngineException(
            EngineException.Kind.ABSENT, "start", "the slot ended right after its start", null);
      }
      if (!found.isAsSpecified()) {
        throw new EngineException(
            EngineException.Kind.REJECTED,
            "inspect",
            "the slot differs from its spec: it was changed, or the engine's settings were changed",
            null);
      }
      made =
          new Slot(
              id,
              profile,
              containerId,
              found.container().startedAt(),
              image.orElse(""),
              directory,
              slotEngine.entrance(containerId),
              reservation);
      return made;
    } finally {
      if (directory == null) {
        pool.forget(id); // nothing is known of it; a sweep finds what was made
      } else if (made == null) {
        destroy(id, containerId, directory);
      }
    }
  }

  /**
   * Starts a slot. Only this step can be interrupted by {@link #giveUp}: an interrupted create
   * would go on in the engine, and leave an unknown container.
   */
  private void start(SlotEngine slotEngine, String containerId, SlotMounts.Directory directory)
      throws EngineException, IOException {
    starting = Thread.currentThread();
    try {
      if (pool.isClosed()) {
        throw new EngineException(EngineException.Kind.UNAVAILABLE, "start", "stopping", null);
      }
      slotEngine.startSlot(containerId, directory::mountProbe);
    } finally {
      starting = null;
    }
  }

  /** Interrupts a start in progress. The pool must be closed before. */
  void giveUp() {
    Thread interrupted = starting;
    if (interrupted != null) {
      interrupted.interrupt();
    }
  }

  /** Removes a slot's container and mount, and gives its place back unless that was handed over. */
  void destroy(Slot slot) {
    slot.entrance().close();
    destroy(slot.id(), slot.containerId(), slot.directory());
    slot.reservation().close();
  }

  /** Removes what was made of a slot. A later sweep finds what could not be removed. */
  private void destroy(
      String slotId, @Nullable String containerId, SlotMounts.@Nullable Directory directory) {
    // Remove it even if a stop interrupted its making.
    boolean interrupted = Thread.interrupted();
    try {
      if (containerId != null) {
        engine.remove(containerId);
      }
    } catch (EngineException e) {
      log.warn("slot {} could not be removed, will be tried again: {}", slotId, e.getMessage());
    } finally {
      release(slotId);
      if (directory != null) {
        directory.close();
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }

  /** Undoes the mounts of a slot whose container is gone, or must not be used. */
  void release(String slotId) {
    try {
      mounts.release(slotId);
    } catch (IOException e) {
      log.warn("slot {} could not be unmounted, will be tried again: {}", slotId, e.getMessage());
    } finally {
      pool.forget(slotId); // so that a sweep finds what is left
    }
  }
}
