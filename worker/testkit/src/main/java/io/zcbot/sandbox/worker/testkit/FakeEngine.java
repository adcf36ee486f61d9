/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit;

import io.zcbot.sandbox.events.Network;
import io.zcbot.sandbox.events.RefusedEgress;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Container.Ownership;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineEvent;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.SandboxEngine;
import io.zcbot.sandbox.worker.engine.SlotEngine;
import io.zcbot.sandbox.worker.engine.Verified;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * An engine in memory that behaves like the real one: names are unique, a removed container is
 * gone, and the name of a claimed slot tells whose it is.
 */
public final class FakeEngine implements Engine, SandboxEngine, SlotEngine {
  private final SandboxSpec spec;
  private final String workerId;
  private final String idPrefix;
  private final Map<String, Container> containers = new LinkedHashMap<>();
  private final Set<String> execs = new HashSet<>();
  private final Map<String, Duration> cpuTimes = new HashMap<>();
  private final Set<String> changed = new HashSet<>();
  private final Set<String> entered = new HashSet<>();
  private final Map<String, Network> reached = new HashMap<>();
  private int ids;
  private int creates;
  private String image = "image-1";
  public final EngineFaults faults = new EngineFaults();

  /** What its clock says when a container is started. */
  public volatile Instant clock = Instant.EPOCH;

  /** What containers were refused, by their ids. */
  public final Map<String, List<RefusedEgress>> refused = new ConcurrentHashMap<>();

  /** Receives each container that ended. */
  public Consumer<String> ends = _ -> {};

  public FakeEngine(SandboxSpec spec, String workerId) {
    this(spec, workerId, "c");
  }

  /** As above, for tests in which containers of several engines must have different ids. */
  public FakeEngine(SandboxSpec spec, String workerId, String idPrefix) {
    this.spec = spec;
    this.workerId = workerId;
    this.idPrefix = idPrefix;
  }

  @Override
  public List<RefusedEgress> refused(String containerId) {
    return refused.getOrDefault(containerId, List.of());
  }

  /** Gives the image's name to another image. */
  public synchronized void retag() {
    image = image + "'";
  }

  public synchronized List<Container> idle() {
    return containers.values().stream().filter(Container::isOurIdleSlot).toList();
  }

  public synchronized int creates() {
    return creates;
  }

  public synchronized List<Container> running(UserId user) {
    return containers.values().stream()
        .filter(c -> c.state() == Container.State.RUNNING || c.state() == Container.State.PAUSED)
        .filter(c -> user.equals(c.user()))
        .toList();
  }

  public synchronized List<Container> everything() {
    return List.copyOf(containers.values());
  }

  public synchronized Set<String> execs() {
    return Set.copyOf(execs);
  }

  // What others do to containers.

  public synchronized void put(Container container) {
    containers.put(container.id(), container);
  }

  public void die(String id, int exitCode) {
    synchronized (this) {
      Container c = containers.get(id);
      if (c != null && c.state() != Container.State.ENDED) {
        put(with(c, c.name(), Container.State.ENDED, c.ownership(), c.startedAt(), exitCode));
        execs.remove(id);
      }
    }
    ends.accept(id);
  }

  public void removeByHand(String id) {
    synchronized (this) {
      containers.remove(id);
      execs.remove(id);
    }
    ends.accept(id);
  }

  public synchronized void renameByHand(String id, String name) {
    Container c = containers.get(id);
    if (c != null) {
      Ownership was = c.ownership();
      UserId user = was.user();
      if (was.slotId() != null) {
        user =
            name.startsWith(Container.NAME_PREFIX)
                ? UserId.parse(name.substring(Container.NAME_PREFIX.length()))
                : null;
      }
      Ownership now = new Ownership(user, was.slotId(), was.workerId(), was.ours());
      put(with(c, name, c.state(), now, c.startedAt(), c.exitCode()));
    }
  }

  public synchronized void state(String id, Container.State state) {
    Container c = containers.get(id);
    if (c != null) {
      put(with(c, c.name(), state, c.ownership(), c.startedAt(), c.exitCode()));
    }
  }

  /** Stops and starts the container, which restarts its init. */
  public synchronized void restartByHand(String id) {
    Container c = containers.get(id);
    if (c != null) {
      Instant later = c.startedAt() == null ? Instant.EPOCH : c.startedAt().plusSeconds(1);
      put(with(c, c.name(), Container.State.RUNNING, c.ownership(), later, null));
    }
  }

  /** Removes a limit of a container; its label stays. */
  public synchronized void change(String id) {
    changed.add(id);
  }

  /** Does the same to the next container, as soon as it is created. */
  public synchronized void changeNext() {
    changed.add(idPrefix + (ids + 1));
  }

  private static Container with(
      Container c,
      String name,
      Container.State state,
      Ownership ownership,
      @Nullable Instant startedAt,
      @Nullable Integer exitCode) {
    return new Container(
        c.id(), name, state, ownership, c.specHash(), startedAt, exitCode, c.oomKilled());
  }

  public synchronized void exec(String id, boolean running) {
    if (running && containers.containsKey(id)) {
      execs.add(id);
    } else {
      execs.remove(id);
    }
  }

  /** Lets processes of a container use processor time. */
  public synchronized void work(String id, Duration cpuTime) {
    cpuTimes.merge(id, cpuTime, Duration::plus);
  }

  @Override
  public int uid(String containerId) {
    return Workspaces.SANDBOX_ID;
  }

  @Override
  public synchronized Optional<Container> find(String nameOrId) throws EngineException {
    EngineFaults.after(faults.before("find"));
    return containers.values().stream()
        .filter(c -> c.id().equals(nameOrId) || c.name().equals(nameOrId))
        .findFirst();
  }

  @Override
  public synchronized Optional<Verified> verify(String nameOrId, UserId user, Path workspace)
      throws EngineException {
    return find(nameOrId).map(this::verified);
  }

  private Verified verified(Container c) {
    return new Verified(
        c, c.ownership().ours() && spec.hash().equals(c.specHash()) && !changed.contains(c.id()));
  }

  @Override
  public synchronized List<Container> list() throws EngineException {
    EngineFaults.after(faults.before("list"));
    return containers.values().stream().filter(c -> !c.ownership().equals(Ownership.NONE)).toList();
  }

  @Override
  public synchronized String create(UserId user, Path workspace) throws EngineException {
    EngineException failure = faults.before("create");
    String name = Container.nameOf(user);
    if (containers.values().stream().anyMatch(c -> c.name().equals(name))) {
      throw new EngineException(
          EngineException.Kind.CONFLICT, "create", "the name is in use", null);
    }
    creates++;
    String id = idPrefix + ++ids;
    put(
        new Container(
            id,
            name,
            Container.State.CREATED,
            new Ownership(user, null, workerId, true),
            spec.hash(),
            null,
            null,
            false));
    EngineFaults.after(failure);
    return id;
  }

  @Override
  public synchronized Container start(String id) throws EngineException {
    EngineException failure = faults.before("start");
    Container c = containers.get(id);
    if (c == null) {
      throw new EngineException(EngineException.Kind.ABSENT, "start", "no such container", null);
    }
    Container started = with(c, c.name(), Container.State.RUNNING, c.ownership(), clock, null);
    put(started);
    faults.missIfInterrupted("start");
    EngineFaults.after(failure);
    return started;
  }

  @Override
  public synchronized String createSlot(String slotId, Path directory) throws EngineException {
    EngineException failure = faults.before("createSlot");
    String id = idPrefix + ++ids;
    put(
        new Container(
            id,
            Container.SLOT_PREFIX + slotId,
            Container.State.CREATED,
            new Ownership(null, slotId, workerId, true),
            spec.hash(),
            null,
            null,
            false));
    faults.missIfInterrupted("createSlot");
    EngineFaults.after(failure);
    return id;
  }

  @Override
  public void startSlot(String id, OnceRunning onceRunning) throws EngineException, IOException {
    start(id);
    onceRunning.run();
  }

  @Override
  public synchronized Optional<Verified> verifySlot(String containerId, Path directory)
      throws EngineException {
    return find(containerId).map(this::verified);
  }

  /** Whether a slot's workspace was mounted in it. */
  public synchronized boolean isEntered(String containerId) {
    return entered.contains(containerId);
  }

  @Override
  public synchronized Entrance entrance(String containerId) throws EngineException {
    EngineFaults.after(faults.before("entrance"));
    return new Entrance() {
      @Override
      public void open() throws EngineException {
        EngineException failure = faults.before("open");
        entered.add(containerId);
        EngineFaults.after(failure);
      }

      @Override
      public void close() {}
    };
  }

  @Override
  public synchronized void prepare() throws EngineException {
    EngineFaults.after(faults.before("prepare"));
  }

  @Override
  public synchronized void let(String id, @Nullable List<String> allow) throws EngineException {
    EngineException failure = faults.before("let");
    if (!containers.containsKey(id)) {
      throw new EngineException(EngineException.Kind.ABSENT, "let", "no such container", null);
    }
    reached.put(id, new Network(allow));
    EngineFaults.after(failure);
  }

  /** What a container was last let reach; null if it was not started. */
  public synchronized @Nullable Network reached(String id) {
    return reached.get(id);
  }

  @Override
  public synchronized void rename(String id, String name) throws EngineException {
    EngineException failure = faults.before("rename");
    if (!containers.containsKey(id)) {
      throw new EngineException(EngineException.Kind.ABSENT, "rename", "no such container", null);
    }
    if (containers.values().stream().anyMatch(c -> c.name().equals(name))) {
      throw new EngineException(
          EngineException.Kind.CONFLICT, "rename", "the name is in use", null);
    }
    renameByHand(id, name);
    EngineFaults.after(failure);
  }

  @Override
  public synchronized Optional<String> imageId() throws EngineException {
    EngineFaults.after(faults.before("imageId"));
    return Optional.of(image);
  }

  @Override
  public synchronized void kill(String id) throws EngineException {
    EngineException failure = faults.before("kill");
    die(id, 137);
    faults.missIfInterrupted("kill");
    EngineFaults.after(failure);
  }

  @Override
  public synchronized void remove(String id) throws EngineException {
    EngineException failure = faults.before("remove");
    removeByHand(id);
    faults.missIfInterrupted("remove");
    EngineFaults.after(failure);
  }

  @Override
  public synchronized boolean hasRunningExec(String id) throws EngineException {
    EngineFaults.after(faults.before("exec"));
    faults.missIfInterrupted("exec");
    if (!containers.containsKey(id)) {
      throw new EngineException(EngineException.Kind.ABSENT, "exec", "no such container", null);
    }
    return execs.contains(id);
  }

  @Override
  public synchronized Duration cpuTime(String id) throws EngineException {
    EngineFaults.after(faults.before("cpuTime"));
    if (!containers.containsKey(id)) {
      throw new EngineException(EngineException.Kind.ABSENT, "stats", "no such container", null);
    }
    return cpuTimes.getOrDefault(id, Duration.ZERO);
  }

  @Override
  public synchronized void ping() throws EngineException {
    EngineFaults.after(faults.before("ping"));
  }

  @Override
  public void watch(Instant since, Runnable connected, Consumer<EngineEvent> events)
      throws EngineException {
    EngineFaults.after(faults.before("watch"));
    throw new UnsupportedOperationException("tests hand events over themselves");
  }

  @Override
  public void close() {}
}
