/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineEvent;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.SandboxEngine;
import io.zcbot.sandbox.worker.engine.Verified;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.ResourceLimits;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Consumer;

/** Takes its time as a real engine does, and does nothing. */
final class FakeEngine implements Engine, SandboxEngine {
  private static final SandboxSpec SPEC =
      new SandboxSpec(
          "fake",
          null,
          new ResourceLimits(2L << 30, 1, 256, 512L << 20, null),
          "none",
          NetworkPolicy.DEFAULT);

  private final String workerId;
  private final String specHash = SPEC.hash();
  private final Duration create;
  private final Duration look;
  private final Map<String, Container> byName = new ConcurrentHashMap<>();

  FakeEngine(String workerId, Duration create, Duration look) {
    this.workerId = workerId;
    this.create = create;
    this.look = look;
  }

  private static void take(Duration time) throws EngineException {
    try {
      Thread.sleep(time);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new EngineException(EngineException.Kind.UNAVAILABLE, "fake", "interrupted", e);
    }
  }

  @Override
  public Optional<Container> find(String nameOrId) throws EngineException {
    take(look);
    return Optional.ofNullable(byName.get(nameOrId));
  }

  @Override
  public SandboxSpec spec() {
    return SPEC;
  }

  @Override
  public Optional<Verified> verify(String nameOrId, UserId user, Path workspace)
      throws EngineException {
    return find(nameOrId).map(container -> new Verified(container, true));
  }

  @Override
  public List<Container> list() {
    return List.copyOf(byName.values());
  }

  @Override
  public String create(UserId user, Path workspace) throws EngineException {
    take(create);
    byte[] id = new byte[32];
    ThreadLocalRandom.current().nextBytes(id);
    Container container =
        new Container(
            HexFormat.of().formatHex(id),
            Container.nameOf(user),
            Container.State.RUNNING,
            new Container.Ownership(user, null, workerId, true),
            specHash,
            Instant.now(),
            null,
            false);
    byName.put(container.name(), container);
    return container.id();
  }

  @Override
  public void start(String containerId) {}

  @Override
  public void kill(String containerId) {}

  @Override
  public void remove(String containerId) {
    byName.values().removeIf(container -> container.id().equals(containerId));
  }

  @Override
  public boolean hasRunningExec(String containerId) {
    return false;
  }

  @Override
  public void ping() {}

  @Override
  public void watch(Instant since, Runnable connected, Consumer<EngineEvent> events) {}

  @Override
  public void close() {}
}
