package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.UserId;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** An engine in memory, with the real one's manners: names are unique, removed means gone. */
final class FakeEngine implements Engine {
  private final Map<String, Container> containers = new LinkedHashMap<>();
  private final Set<String> execs = new HashSet<>();
  private final List<Fault> faults = new ArrayList<>();
  private @Nullable String interrupted;
  private final Set<String> changed = new HashSet<>();
  private int ids;
  private int creates;

  /**
   * The next call of an operation fails.
   *
   * @param afterEffect whether what was asked has happened all the same
   */
  record Fault(String operation, EngineException.Kind kind, boolean afterEffect) {}

  synchronized void failNext(Fault fault) {
    faults.add(fault);
  }

  /** The next call of an operation finds the caller interrupted; so will all that follow. */
  synchronized void interruptNext(String operation) {
    interrupted = operation;
  }

  synchronized void heal() {
    faults.clear();
  }

  synchronized int creates() {
    return creates;
  }

  synchronized List<Container> running(UserId user) {
    return containers.values().stream()
        .filter(c -> c.state() == Container.State.RUNNING || c.state() == Container.State.PAUSED)
        .filter(c -> c.owner() != null && c.owner().user().equals(user))
        .toList();
  }

  synchronized List<Container> everything() {
    return List.copyOf(containers.values());
  }

  synchronized Set<String> execs() {
    return Set.copyOf(execs);
  }

  // What others do to containers.

  synchronized void put(Container container) {
    containers.put(container.id(), container);
  }

  synchronized void die(String id, int exitCode) {
    Container c = containers.get(id);
    if (c != null && c.state() != Container.State.ENDED) {
      put(
          new Container(
              c.id(),
              c.name(),
              Container.State.ENDED,
              c.owner(),
              c.specHash(),
              c.startedAt(),
              exitCode,
              false));
      execs.remove(id);
    }
  }

  synchronized void removeByHand(String id) {
    containers.remove(id);
    execs.remove(id);
  }

  synchronized void rename(String id, String name) {
    Container c = containers.get(id);
    if (c != null) {
      put(
          new Container(
              c.id(),
              name,
              c.state(),
              c.owner(),
              c.specHash(),
              c.startedAt(),
              c.exitCode(),
              c.oomKilled()));
    }
  }

  synchronized void state(String id, Container.State state) {
    Container c = containers.get(id);
    if (c != null) {
      put(
          new Container(
              c.id(),
              c.name(),
              state,
              c.owner(),
              c.specHash(),
              c.startedAt(),
              c.exitCode(),
              c.oomKilled()));
    }
  }

  /** Somebody lifts a limit; the label stays. */
  synchronized void change(String id) {
    changed.add(id);
  }

  synchronized void exec(String id, boolean running) {
    if (running && containers.containsKey(id)) {
      execs.add(id);
    } else {
      execs.remove(id);
    }
  }

  private @Nullable EngineException before(String operation) throws EngineException {
    if (operation.equals(interrupted)) {
      interrupted = null;
      Thread.currentThread().interrupt();
    }
    if (Thread.currentThread().isInterrupted()) {
      throw new EngineException(EngineException.Kind.UNAVAILABLE, operation, "interrupted", null);
    }
    for (Fault fault : faults) {
      if (fault.operation().equals(operation)) {
        faults.remove(fault);
        EngineException failure =
            new EngineException(fault.kind(), operation, "fault of the test", null);
        if (!fault.afterEffect()) {
          throw failure;
        }
        return failure;
      }
    }
    return null;
  }

  private static void after(@Nullable EngineException failure) throws EngineException {
    if (failure != null) {
      throw failure;
    }
  }

  @Override
  public synchronized Optional<Container> find(String nameOrId) throws EngineException {
    after(before("find"));
    return containers.values().stream()
        .filter(c -> c.id().equals(nameOrId) || c.name().equals(nameOrId))
        .findFirst();
  }

  @Override
  public synchronized Optional<Container> verify(
      String nameOrId, SandboxSpec spec, UserId user, Path workspace) throws EngineException {
    return find(nameOrId).map(c -> changed.contains(c.id()) ? c.withoutSpec() : c);
  }

  @Override
  public synchronized List<Container> list() throws EngineException {
    after(before("list"));
    return containers.values().stream().filter(c -> c.owner() != null).toList();
  }

  @Override
  public synchronized String create(SandboxSpec spec, UserId user, String workerId, Path workspace)
      throws EngineException {
    EngineException failure = before("create");
    String name = Container.nameOf(user);
    if (containers.values().stream().anyMatch(c -> c.name().equals(name))) {
      throw new EngineException(
          EngineException.Kind.CONFLICT, "create", "the name is in use", null);
    }
    creates++;
    String id = "c" + ++ids;
    put(
        new Container(
            id,
            name,
            Container.State.CREATED,
            new Container.Owner(user, workerId),
            spec.hash(),
            null,
            null,
            false));
    after(failure);
    return id;
  }

  @Override
  public synchronized void start(String id) throws EngineException {
    EngineException failure = before("start");
    Container c = containers.get(id);
    if (c == null) {
      throw new EngineException(EngineException.Kind.ABSENT, "start", "no such container", null);
    }
    put(
        new Container(
            c.id(),
            c.name(),
            Container.State.RUNNING,
            c.owner(),
            c.specHash(),
            Instant.EPOCH,
            null,
            false));
    after(failure);
  }

  @Override
  public synchronized void kill(String id) throws EngineException {
    EngineException failure = before("kill");
    die(id, 137);
    after(failure);
  }

  @Override
  public synchronized void remove(String id) throws EngineException {
    EngineException failure = before("remove");
    removeByHand(id);
    after(failure);
  }

  @Override
  public synchronized boolean hasRunningExec(String id) throws EngineException {
    after(before("exec"));
    return execs.contains(id);
  }

  @Override
  public synchronized void ping() throws EngineException {
    after(before("ping"));
  }

  @Override
  public void watch(Instant since, Runnable connected, Consumer<EngineEvent> events) {
    throw new UnsupportedOperationException("tests hand events over themselves");
  }

  @Override
  public void close() {}
}
