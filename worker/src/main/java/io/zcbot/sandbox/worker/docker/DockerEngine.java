/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import com.github.dockerjava.api.command.InspectImageResponse;
import com.github.dockerjava.api.model.ContainerConfig;
import com.github.dockerjava.core.DefaultDockerClientConfig;
import com.github.dockerjava.core.DockerClientConfig;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineEvent;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.engine.SlotEngine;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** A Docker Engine, spoken to over its API. */
public final class DockerEngine implements Engine, SlotEngine {
  private static final Logger log = LoggerFactory.getLogger(DockerEngine.class);

  private final EngineCalls calls;
  private final Lookups lookups;
  private final SandboxNetwork network;
  private final HostFirewall firewall;
  private final SandboxFactory making;
  private final Inspection inspection;
  private final EngineWatch watch;
  private final AtomicBoolean watched = new AtomicBoolean();

  DockerEngine(DockerClientConfig config, DockerEngineSettings settings, SandboxMetrics metrics) {
    this.calls =
        new EngineCalls(
            () -> new EngineConnection(config, settings.callTimeout()),
            settings.callTimeout(),
            metrics);
    this.lookups = new Lookups(calls, settings.maxLookups(), settings.callTimeout());
    this.network = new SandboxNetwork(calls);
    ImagePull pull = new ImagePull(calls, settings.pullTimeout(), System::nanoTime);
    this.firewall = new HostFirewall(calls, network, pull, settings, System::nanoTime);
    this.making =
        new SandboxFactory(
            calls, network, firewall, pull, new ContainerStart(calls, settings.readyTimeout()));
    this.inspection = new Inspection(lookups, making);
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

  /**
   * Puts the host's firewall in force ahead of the first create, which would do it otherwise. From
   * now on {@link #checkFirewall} knows what to check.
   */
  public void beginFirewall(SandboxSpec spec, String workerId) throws EngineException {
    firewall.begin(spec, workerId);
  }

  /** Sets the host's rules again, where there are any; while that fails, nothing is created. */
  public void checkFirewall() {
    firewall.check();
  }

  /** Why the host's firewall is not known to be in force; null if it is, or none is wanted. */
  public @Nullable String firewallProblem() {
    return firewall.problem();
  }

  @Override
  public Optional<Container> find(String nameOrId) throws EngineException {
    return inspection.find(nameOrId);
  }

  @Override
  public Optional<Container> verify(String nameOrId, SandboxSpec spec, UserId user, Path workspace)
      throws EngineException {
    return inspection.verify(nameOrId, spec, user, workspace);
  }

  @Override
  public Optional<Container> verifySlot(String containerId, SandboxSpec spec, Path directory)
      throws EngineException {
    return inspection.verifySlot(containerId, spec, directory);
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
    return making.create(spec, user, workerId, workspace);
  }

  @Override
  public void start(String containerId) throws EngineException {
    making.start(containerId);
  }

  @Override
  public void prepare(SandboxSpec spec, String workerId) throws EngineException {
    making.prepare(spec, workerId);
  }

  @Override
  public String createSlot(SandboxSpec spec, String slotId, String workerId, Path directory)
      throws EngineException {
    return making.createSlot(spec, slotId, workerId, directory);
  }

  @Override
  public void startSlot(String containerId, OnceRunning onceRunning)
      throws EngineException, IOException {
    making.startSlot(containerId, onceRunning);
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
      return lookups.ask(
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
    for (String exec : inspection.execs(containerId)) {
      if (isRunning(exec)) {
        return true;
      }
    }
    return false;
  }

  private boolean isRunning(String execId) throws EngineException {
    try {
      return lookups.ask(
          Operation.EXEC_INSPECT,
          engine -> Boolean.TRUE.equals(engine.docker().inspectExecCmd(execId).exec().isRunning()));
    } catch (EngineException e) {
      if (e.kind() == Kind.ABSENT) {
        return false;
      }
      throw e;
    }
  }

  /** What the engine says of itself. */
  public EngineFacts facts() throws EngineException {
    return EngineFacts.read(calls);
  }

  /** What the spec needs on the engine, as it is there now; makes and pulls nothing. */
  public SandboxGround ground(SandboxSpec spec) throws EngineException {
    return new SandboxGround(image(spec.image()), network.look(spec.network()));
  }

  private SandboxGround.@Nullable Image image(String name) throws EngineException {
    try {
      return calls.call(
          Operation.IMAGE_INSPECT,
          engine -> {
            InspectImageResponse image = engine.docker().inspectImageCmd(name).exec();
            ContainerConfig config = image.getConfig();
            String[] entrypoint = config == null ? null : config.getEntrypoint();
            return new SandboxGround.Image(
                String.valueOf(image.getId()),
                entrypoint != null && List.of(entrypoint).equals(List.of(ContainerCreation.INIT)));
          });
    } catch (EngineException e) {
      if (e.kind() == Kind.ABSENT || e.kind() == Kind.IMAGE_MISSING) {
        return null;
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
    watch.run(
        since,
        () -> {
          // Whoever restarted the engine may have done more than that.
          if (watched.getAndSet(true)) {
            firewall.doubt();
            Thread.ofVirtual().name("firewall").start(firewall::check);
          }
          connected.run();
        },
        events);
  }

  @Override
  public void close() {
    calls.close();
  }
}
