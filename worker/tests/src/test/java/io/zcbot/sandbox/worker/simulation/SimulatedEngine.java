/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineEvent;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.SandboxEngine;
import io.zcbot.sandbox.worker.engine.SlotEngine;
import io.zcbot.sandbox.worker.engine.Verified;
import io.zcbot.sandbox.worker.spec.SandboxUids;
import io.zcbot.sandbox.worker.testkit.FakeEngine;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A host's engine, whose calls take time. It outlives the worker's process. */
final class SimulatedEngine implements Engine, SandboxEngine, SlotEngine {
  private final String name;
  private final Machine machine;
  private final FakeEngine fake;
  private final Judge judge;
  private final Map<Machine.Process, Consumer<EngineEvent>> watchers = new LinkedHashMap<>();
  Duration slowness = Duration.ZERO;

  SimulatedEngine(String name, Machine machine, FakeEngine fake, Judge judge) {
    this.name = name;
    this.machine = machine;
    this.fake = fake;
    this.judge = judge;
  }

  @Override
  public int uid(String containerId) {
    return SandboxUids.SHARED.first();
  }

  private interface Call<T> {
    T run() throws EngineException;
  }

  private <T> T call(String operation, int mostMillis, Call<T> call) throws EngineException {
    take(operation, mostMillis);
    T result = call.run();
    take(operation, 3);
    return result;
  }

  private void take(String operation, int mostMillis) throws EngineException {
    try {
      machine.sleep(Duration.ofMillis(1 + machine.random().nextInt(mostMillis)).plus(slowness));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new EngineException(EngineException.Kind.UNAVAILABLE, operation, "interrupted", e);
    }
  }

  /** Notifies the watchers. */
  void tell(EngineEvent.Kind kind, Container container) {
    EngineEvent event =
        new EngineEvent(
            kind, container.user(), container.id(), machine.wall(machine.nanos()), null);
    watchers.forEach(
        (process, observer) ->
            process.after(
                Duration.ofMillis(1 + machine.random().nextInt(10)), () -> observer.accept(event)));
  }

  @Override
  public Optional<Container> find(String nameOrId) throws EngineException {
    return call("find", 3, () -> fake.find(nameOrId));
  }

  @Override
  public List<Container> list() throws EngineException {
    return call("list", 5, fake::list);
  }

  @Override
  public void kill(String id) throws EngineException {
    call(
        "kill",
        10,
        () -> {
          fake.kill(id);
          return true;
        });
    Optional<Container> killed = fake.find(id);
    killed.ifPresent(container -> tell(EngineEvent.Kind.DIED, container));
  }

  @Override
  public void remove(String id) throws EngineException {
    call(
        "remove",
        20,
        () -> {
          Container before = fake.find(id).orElse(null);
          fake.remove(id);
          if (before != null) {
            judge.removed(name, before);
            tell(EngineEvent.Kind.DESTROYED, before);
          }
          return true;
        });
  }

  @Override
  public boolean hasRunningExec(String id) throws EngineException {
    return call("exec", 3, () -> fake.hasRunningExec(id));
  }

  @Override
  public Duration cpuTime(String id) throws EngineException {
    return call("stats", 3, () -> fake.cpuTime(id));
  }

  @Override
  public void ping() throws EngineException {
    call(
        "ping",
        2,
        () -> {
          fake.ping();
          return true;
        });
  }

  @Override
  public void watch(Instant since, Runnable connected, Consumer<EngineEvent> events) {
    watchers.put(machine.process(), events);
    connected.run();
    try {
      new CountDownLatch(1).await();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
    watchers.remove(machine.process());
  }

  @Override
  public void close() {}

  @Override
  public Optional<Verified> verify(String nameOrId, UserId user, Path workspace)
      throws EngineException {
    return call("verify", 5, () -> fake.verify(nameOrId, user, workspace));
  }

  @Override
  public String create(UserId user, Path workspace) throws EngineException {
    return call("create", 80, () -> fake.create(user, workspace));
  }

  @Override
  public Container start(String id) throws EngineException {
    return call(
        "start",
        200,
        () -> {
          Container started = fake.start(id);
          judge.started();
          return started;
        });
  }

  @Override
  public String createSlot(String slotId, Path directory) throws EngineException {
    return call("createSlot", 80, () -> fake.createSlot(slotId, directory));
  }

  @Override
  public void startSlot(String id, OnceRunning onceRunning) throws EngineException, IOException {
    call(
        "start",
        200,
        () -> {
          fake.start(id);
          return true;
        });
    onceRunning.run();
  }

  @Override
  public Entrance entrance(String containerId) {
    return Entrance.OPEN;
  }

  @Override
  public Optional<Verified> verifySlot(String containerId, Path directory) throws EngineException {
    return call("verify", 5, () -> fake.verifySlot(containerId, directory));
  }

  @Override
  public void let(String containerId, @Nullable List<String> allow) throws EngineException {
    fake.let(containerId, allow);
  }

  @Override
  public void prepare() throws EngineException {
    take("prepare", 3);
    fake.prepare();
  }

  @Override
  public void rename(String id, String name) throws EngineException {
    call(
        "rename",
        10,
        () -> {
          fake.rename(id, name);
          judge.started();
          return true;
        });
  }

  @Override
  public Optional<String> imageId() throws EngineException {
    return call("image", 3, fake::imageId);
  }
}
