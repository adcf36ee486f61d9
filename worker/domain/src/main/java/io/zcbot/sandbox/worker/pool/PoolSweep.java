/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.pool;

import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.ProfileEngines;
import io.zcbot.sandbox.worker.spec.Profile;
import java.io.IOException;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Removes what the pool does not use: unknown slots, slots that ended or whose image name now
 * refers to another image, and mounts without a container. At startup, these are all slots of the
 * previous run. Run by one thread at a time; blocks for the engine.
 */
final class PoolSweep {
  private static final Logger log = LoggerFactory.getLogger(PoolSweep.class);

  private final Engine engine;
  private final ProfileEngines engines;
  private final SlotMounts mounts;
  private final IdleSlots pool;
  private final SlotFactory maker;

  /** Slots for which a failed removal was logged. */
  private final Set<String> logged = new HashSet<>();

  PoolSweep(
      Engine engine, ProfileEngines engines, SlotMounts mounts, IdleSlots pool, SlotFactory maker) {
    this.engine = engine;
    this.engines = engines;
    this.mounts = mounts;
    this.pool = pool;
    this.maker = maker;
  }

  /**
   * Sweeps; returns how many slots were destroyed. A slot that can't be removed does not stop the
   * sweep.
   *
   * @throws EngineException if a slot is left in which something may run
   */
  int run() throws EngineException {
    Set<String> directories = directories(); // first, so the listing has their containers
    List<Container> listed = engine.list();
    Set<String> inUse = new HashSet<>();
    int destroyed = 0;
    EngineException failure = null;
    for (Container container : listed) {
      String id = container.ourSlot();
      if (id == null) {
        continue;
      }
      inUse.add(id);
      if (container.isOurIdleSlot() && !pool.knows(id)) {
        try {
          engine.remove(container.id());
          maker.release(id);
          destroyed++;
        } catch (EngineException e) {
          if (logged.add(id)) {
            log.warn("slot {} could not be removed, will be tried again: {}", id, e.getMessage());
          }
          failure = failure == null && mayRun(container) ? e : failure;
        }
      }
    }
    logged.retainAll(inUse);
    directories.stream()
        .filter(id -> !inUse.contains(id) && !pool.knows(id))
        .forEach(maker::release);
    destroyed += drain(listed);
    if (failure != null) {
      throw failure;
    }
    return destroyed;
  }

  private static boolean mayRun(Container container) {
    return switch (container.state()) {
      case RUNNING, PAUSED -> true;
      case CREATED, ENDED -> false;
    };
  }

  private Set<String> directories() {
    try {
      return mounts.left();
    } catch (IOException e) {
      log.warn("could not look for remains of slots, will be tried again: {}", e.getMessage());
      return Set.of();
    }
  }

  private int drain(List<Container> listed) throws EngineException {
    if (pool.size() == 0) {
      return 0;
    }
    Map<String, Container> byId =
        listed.stream().collect(Collectors.toMap(Container::id, Function.identity(), (a, _) -> a));
    Map<Profile, Optional<String>> images = new HashMap<>();
    Set<String> stale = new HashSet<>();
    for (Slot slot : pool.all()) {
      Optional<String> image = images.get(slot.profile());
      if (image == null) {
        image = engines.slots(slot.profile()).imageId();
        images.put(slot.profile(), image);
      }
      String current = image.orElse(null);
      Container container = byId.get(slot.containerId());
      if (container == null || !container.isRunning()) {
        // It became idle after the listing, or is gone: look.
        container = engine.find(slot.containerId()).orElse(null);
      }
      if (container == null
          || !container.isRunning()
          || (current != null && !current.equals(slot.imageId()))) {
        stale.add(slot.id());
      }
    }
    List<Slot> drained = pool.takeIf(slot -> stale.contains(slot.id()));
    drained.forEach(maker::destroy);
    return drained.size();
  }
}
