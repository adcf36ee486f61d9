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
import org.jspecify.annotations.Nullable;

/** Takes its time as a real engine does, and runs nothing. */
final class FakeEngine implements Engine, SandboxEngine {
  private static final SandboxSpec SPEC =
      new SandboxSpec(
          "fake",
          null,
          new ResourceLimits(2L << 30, 1, 256, 512L << 20, null, null),
          "none",
          NetworkPolicy.DEFAULT);

  private final String workerId;
  private final String specHash = SPEC.hash();
  private final Duration create;
  private final Duration look;
  private final Map<String, Container> byId = new ConcurrentHashMap<>();
  private final Map<String, String> idByName = new ConcurrentHashMap<>();

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
    return Optional.ofNullable(byId.get(idByName.getOrDefault(nameOrId, nameOrId)));
  }

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
    return List.copyOf(byId.values());
  }

  @Override
  public String create(UserId user, Path workspace) throws EngineException {
    take(create);
    byte[] random = new byte[32];
    ThreadLocalRandom.current().nextBytes(random);
    String id = HexFormat.of().formatHex(random);
    String name = Container.nameOf(user);
    if (idByName.putIfAbsent(name, id) != null) {
      throw failure(EngineException.Kind.CONFLICT, "create", "the name is in use");
    }
    Container.Ownership ownership = new Container.Ownership(user, null, workerId, true);
    byId.put(
        id,
        new Container(id, name, Container.State.CREATED, ownership, specHash, null, null, false));
    return id;
  }

  @Override
  public void prepare() {}

  @Override
  public void let(String containerId, @Nullable List<String> allow) {}

  @Override
  public Container start(String containerId) throws EngineException {
    Container started = become(containerId, Container.State.RUNNING, Instant.now(), null);
    if (started == null) {
      throw failure(EngineException.Kind.ABSENT, "start", "no such container");
    }
    return started;
  }

  @Override
  public void kill(String containerId) {
    Container container = byId.get(containerId);
    if (container != null) {
      become(containerId, Container.State.ENDED, container.startedAt(), 137);
    }
  }

  private @Nullable Container become(
      String containerId,
      Container.State state,
      @Nullable Instant startedAt,
      @Nullable Integer exitCode) {
    return byId.computeIfPresent(
        containerId,
        (id, was) ->
            new Container(
                id, was.name(), state, was.ownership(), specHash, startedAt, exitCode, false));
  }

  @Override
  public void remove(String containerId) {
    Container removed = byId.remove(containerId);
    if (removed != null) {
      idByName.remove(removed.name(), containerId);
    }
  }

  @Override
  public boolean hasRunningExec(String containerId) throws EngineException {
    if (!byId.containsKey(containerId)) {
      throw failure(EngineException.Kind.ABSENT, "exec", "no such container");
    }
    return false;
  }

  @Override
  public Duration cpuTime(String containerId) throws EngineException {
    if (!byId.containsKey(containerId)) {
      throw failure(EngineException.Kind.ABSENT, "stats", "no such container");
    }
    return Duration.ZERO;
  }

  private static EngineException failure(
      EngineException.Kind kind, String operation, String problem) {
    return new EngineException(kind, operation, problem, null);
  }

  @Override
  public void ping() {}

  @Override
  public void watch(Instant since, Runnable connected, Consumer<EngineEvent> events) {}

  @Override
  public void close() {}
}
