package io.zcbot.sandbox.worker.docker;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.command.CreateContainerCmd;
import com.github.dockerjava.core.DefaultDockerClientConfig;
import com.github.dockerjava.core.DockerClientConfig;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.sandbox.Container;
import io.zcbot.sandbox.worker.sandbox.Engine;
import io.zcbot.sandbox.worker.sandbox.EngineEvent;
import io.zcbot.sandbox.worker.sandbox.EngineException;
import io.zcbot.sandbox.worker.sandbox.EngineException.Kind;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.sandbox.SandboxSpec;
import io.zcbot.sandbox.worker.sandbox.SlotEngine;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A Docker Engine, spoken to over its API. */
public final class DockerEngine implements Engine, SlotEngine {
  private static final Logger log = LoggerFactory.getLogger(DockerEngine.class);

  private final DockerEngineSettings settings;
  private final EngineCalls calls;
  private final Semaphore lookups;
  private final SandboxNetwork network;
  private final ImagePull pull;
  private final ContainerStart start;
  private final EngineWatch watch;
  // cleared where the host's kernel turns out to have no IPv6: there is nothing to switch off
  private volatile boolean ipv6 = true;

  DockerEngine(DockerClientConfig config, DockerEngineSettings settings, SandboxMetrics metrics) {
    this.settings = settings;
    this.calls =
        new EngineCalls(
            () -> new EngineConnection(config, settings.callTimeout()),
            settings.callTimeout(),
            metrics);
    this.lookups = new Semaphore(settings.maxLookups(), true);
    this.network = new SandboxNetwork(calls);
    this.pull = new ImagePull(calls, settings.pullTimeout(), System::nanoTime);
    this.start = new ContainerStart(calls, settings.readyTimeout());
    this.watch = new EngineWatch(calls, config.getObjectMapper());
  }

  /**
   * The engine that {@code DOCKER_HOST}, {@code DOCKER_TLS_VERIFY} and {@code DOCKER_CERT_PATH}
   * name, else the one on the local socket. Connects only when first called.
   *
   * @throws RuntimeException if these settings contradict each other
   */
  public static DockerEngine fromEnvironment(
      DockerEngineSettings settings, SandboxMetrics metrics) {
    return new DockerEngine(
        DefaultDockerClientConfig.createDefaultConfigBuilder().build(), settings, metrics);
  }

  @Override
  public Optional<Container> find(String nameOrId) throws EngineException {
    try {
      return Optional.of(
          lookup(
              Operation.INSPECT,
              engine ->
                  ContainerReading.ofInspect(
                      engine.docker().inspectContainerCmd(nameOrId).exec())));
    } catch (EngineException e) {
      if (e.kind() == Kind.ABSENT) {
        return Optional.empty();
      }
      throw e;
    }
  }

  @Override
  public List<Container> list() throws EngineException {
    return calls.call(
        Operation.LIST,
        engine -> {
          List<Container> sandboxes = new ArrayList<>();
          for (var listed :
              engine
                  .docker()
                  .listContainersCmd()
                  .withShowAll(true)
                  .withLabelFilter(Map.of(SandboxLabels.PRODUCT, SandboxLabels.PRODUCT_SANDBOX))
                  .exec()) {
            Container container = ContainerReading.ofListing(listed);
            if (container.owner() == null && container.slot() == null) {
              log.warn(
                  "Container {} ({}) is labelled a sandbox, but of no valid user; left alone",
                  container.name(),
                  container.id());
            } else {
              sandboxes.add(container);
            }
          }
          return List.copyOf(sandboxes);
        });
  }

  @Override
  public String create(SandboxSpec spec, UserId user, String workerId, Path workspace)
      throws EngineException {
    return create(
        spec, docker -> ContainerCreation.command(docker, spec, user, workerId, workspace, ipv6));
  }

  @Override
  public String createSlot(SandboxSpec spec, String slotId, String workerId, Path directory)
      throws EngineException {
    return create(
        spec, docker -> ContainerCreation.slot(docker, spec, slotId, workerId, directory, ipv6));
  }

  private String create(SandboxSpec spec, Function<DockerClient, CreateContainerCmd> command)
      throws EngineException {
    network.ensure(spec.network());
    try {
      return createOnce(command);
    } catch (EngineException e) {
      if (e.kind() == Kind.IMAGE_MISSING) {
        pull.run(spec.image());
      } else if (EngineErrors.isMissingNetwork(e)) {
        network.forget();
        network.ensure(spec.network());
      } else {
        throw e;
      }
    }
    return createOnce(command);
  }

  private String createOnce(Function<DockerClient, CreateContainerCmd> command)
      throws EngineException {
    return calls.call(
        Operation.CREATE,
        engine -> {
          String id = command.apply(engine.docker()).exec().getId();
          if (id == null) {
            throw new IOException("the engine created a container and told no id");
          }
          return id;
        });
  }

  @Override
  public void start(String containerId) throws EngineException {
    try {
      start.run(containerId);
    } catch (EngineException e) {
      throw noted(e);
    }
  }

  @Override
  public void startSlot(String containerId, OnceRunning onceRunning)
      throws EngineException, IOException {
    try {
      start.runSlot(containerId, onceRunning);
    } catch (EngineException e) {
      throw noted(e);
    }
  }

  /** What a failed start tells for the next one. */
  private EngineException noted(EngineException e) {
    if (EngineErrors.isMissingNetwork(e)) {
      network.forget();
    } else if (EngineErrors.isMissingIpv6(e)) {
      log.info("The engine's host has no IPv6; sandboxes are made without switching it off");
      ipv6 = false;
    }
    return e;
  }

  @Override
  public void rename(String containerId, String name) throws EngineException {
    calls.call(
        Operation.RENAME,
        engine -> engine.docker().renameContainerCmd(containerId).withName(name).exec());
  }

  @Override
  public Optional<String> imageId(String image) throws EngineException {
    try {
      return lookup(
          Operation.IMAGE_INSPECT,
          engine -> Optional.ofNullable(engine.docker().inspectImageCmd(image).exec().getId()));
    } catch (EngineException e) {
      if (e.kind() == Kind.ABSENT) {
        return Optional.empty();
      }
      throw e;
    }
  }

  @Override
  public void kill(String containerId) throws EngineException {
    try {
      calls.call(Operation.KILL, engine -> engine.docker().killContainerCmd(containerId).exec());
    } catch (EngineException e) {
      if (e.kind() != Kind.ABSENT && e.kind() != Kind.CONFLICT) {
        throw e;
      }
    }
  }

  @Override
  public void remove(String containerId) throws EngineException {
    try {
      calls.call(
          Operation.REMOVE,
          engine ->
              engine
                  .docker()
                  .removeContainerCmd(containerId)
                  .withForce(true)
                  .withRemoveVolumes(true)
                  .exec());
    } catch (EngineException e) {
      switch (e.kind()) {
        case ABSENT -> {}
        case CONFLICT -> awaitRemoved(containerId);
        default -> throw e;
      }
    }
  }

  /** Somebody else is removing it already. */
  private void awaitRemoved(String containerId) throws EngineException {
    try {
      calls.call(
          Operation.WAIT,
          engine -> {
            engine.requests().awaitRemoved(containerId);
            return true;
          });
    } catch (EngineException e) {
      if (e.kind() != Kind.ABSENT) {
        throw e;
      }
    }
  }

  @Override
  public boolean hasRunningExec(String containerId) throws EngineException {
    List<String> execs =
        lookup(
            Operation.INSPECT,
            engine -> {
              List<String> ids =
                  engine.docker().inspectContainerCmd(containerId).exec().getExecIds();
              return ids == null ? List.of() : ids;
            });
    for (String exec : execs) {
      if (isRunning(exec)) {
        return true;
      }
    }
    return false;
  }

  private boolean isRunning(String execId) throws EngineException {
    try {
      return lookup(
          Operation.EXEC_INSPECT,
          engine -> Boolean.TRUE.equals(engine.docker().inspectExecCmd(execId).exec().isRunning()));
    } catch (EngineException e) {
      if (e.kind() == Kind.ABSENT) {
        return false;
      }
      throw e;
    }
  }

  @Override
  public void ping() throws EngineException {
    calls.call(Operation.PING, engine -> engine.docker().pingCmd().exec());
  }

  @Override
  public void watch(Instant since, Runnable connected, Consumer<EngineEvent> events)
      throws EngineException {
    watch.run(since, connected, events);
  }

  @Override
  public void close() {
    calls.close();
  }

  /** A flood of ensures must not become a flood of connections. */
  private <T> T lookup(Operation operation, EngineCalls.Call<T> call) throws EngineException {
    try {
      if (!lookups.tryAcquire(settings.callTimeout().toMillis(), TimeUnit.MILLISECONDS)) {
        throw EngineErrors.unanswered(
            operation,
            "did not get to ask within "
                + EngineCalls.seconds(settings.callTimeout())
                + ": all look-ups that may run at a time are waiting for the engine",
            null);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw EngineErrors.unanswered(operation, "interrupted while waiting to ask", e);
    }
    try {
      return calls.call(operation, call);
    } finally {
      lookups.release();
    }
  }
}
