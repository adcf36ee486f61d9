/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import com.github.dockerjava.api.command.InspectExecResponse;
import com.github.dockerjava.core.DefaultDockerClientConfig;
import com.github.dockerjava.core.DockerClientConfig;
import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.worker.docker.api.DockerEngineSettings;
import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.Lookups;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.command.DockerCommands;
import io.zcbot.sandbox.worker.docker.command.RunnerExec;
import io.zcbot.sandbox.worker.docker.host.EngineFacts;
import io.zcbot.sandbox.worker.docker.host.ImageFacts;
import io.zcbot.sandbox.worker.docker.host.SandboxGround;
import io.zcbot.sandbox.worker.docker.inspect.Inspector;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineEvent;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics.ChannelWay;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.spec.SandboxUids;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Implements {@link Engine} for one worker with the API of a Docker Engine, and is the factory of
 * the other adapters that share its connections.
 *
 * <p>Thread-safe. Calls block until the engine answers or their time-out of {@link
 * DockerEngineSettings} is over; {@link #watch} blocks until it is interrupted or fails.
 */
public final class DockerEngine implements Engine {
  private final String workerId;
  private final boolean local;
  private final DockerEngineSettings settings;
  private final SandboxMetrics metrics;
  private final EngineCalls calls;
  private final Lookups lookups;
  private final Inspector inspector;
  private final EngineWatch watch;
  private final List<DockerProfiles> bound = new CopyOnWriteArrayList<>();
  private final AtomicBoolean watched = new AtomicBoolean();
  private volatile EngineFacts.@Nullable Runtimes knownRuntimes;

  DockerEngine(
      DockerClientConfig config,
      String workerId,
      DockerEngineSettings settings,
      SandboxMetrics metrics) {
    this.workerId = workerId;
    this.local = "unix".equals(config.getDockerHost().getScheme());
    this.settings = settings;
    this.metrics = metrics;
    this.calls = new EngineCalls(config, settings.callTimeout(), metrics);
    this.lookups = new Lookups(calls, settings.maxLookups(), settings.callTimeout());
    this.inspector = new Inspector(calls, lookups, workerId);
    this.watch = new EngineWatch(calls, config.getObjectMapper(), workerId);
  }

  /** The operation labels that the metrics of engine calls can have. */
  public static List<String> operations() {
    return Arrays.stream(Operation.values()).map(Operation::label).toList();
  }

  /**
   * Returns an adapter of the engine at an address, with TLS if {@code DOCKER_TLS_VERIFY} and
   * {@code DOCKER_CERT_PATH} of the environment ask for it. Connects only at the first call.
   *
   * @param dockerHost null to use {@code DOCKER_HOST} of the environment or, if that is unset, the
   *     local socket
   * @throws RuntimeException if address and environment contradict each other
   */
  public static DockerEngine at(
      @Nullable String dockerHost,
      String workerId,
      DockerEngineSettings settings,
      SandboxMetrics metrics) {
    DefaultDockerClientConfig.Builder config =
        DefaultDockerClientConfig.createDefaultConfigBuilder();
    if (dockerHost != null) {
      config.withDockerHost(dockerHost);
    }
    return new DockerEngine(config.build(), workerId, settings, metrics);
  }

  /**
   * Returns the worker's sandboxes of a spec, all running as one shared user. They use this
   * engine's connections and are closed with it.
   */
  public DockerSandboxes sandboxes(SandboxSpec spec) {
    return sandboxes(spec, SandboxUids.SHARED);
  }

  /**
   * Returns the worker's sandboxes of a spec, which use this engine's connections and are closed
   * with it.
   *
   * @param uids the user ids that sandboxes run as, one for each sandbox or one shared by all
   */
  public DockerSandboxes sandboxes(SandboxSpec spec, SandboxUids uids) {
    return sandboxes(spec, uids, null);
  }

  /**
   * As {@link #sandboxes(SandboxSpec, SandboxUids)}, for a worker of a fleet.
   *
   * @param fleet a name that the workers of this fleet have in common, and no others
   */
  public DockerSandboxes sandboxes(SandboxSpec spec, SandboxUids uids, @Nullable String fleet) {
    return profiles(uids, fleet).sandboxes(ProfileName.DEFAULT, spec);
  }

  /**
   * Returns the worker's sandboxes of all profiles, which use this engine's connections and are
   * closed with it.
   *
   * @param uids the user ids that sandboxes run as, one for each sandbox or one shared by all
   * @param fleet a name that the workers of this fleet have in common, and no others; null for none
   */
  public DockerProfiles profiles(SandboxUids uids, @Nullable String fleet) {
    DockerProfiles profiles =
        new DockerProfiles(calls, lookups, inspector, uids, workerId, fleet, settings);
    bound.add(profiles);
    return profiles;
  }

  /**
   * Returns what runs commands in sandboxes of a spec, over this engine's connections.
   *
   * @param byEngine true to have the engine start a runner for commands even where a runner is the
   *     sandbox's first process
   */
  public DockerCommands commands(SandboxSpec spec, boolean byEngine) {
    // A first process that sets firewall rules stays root and is no runner: the engine starts one.
    ChannelWay way =
        byEngine || spec.policy().rulesInSandbox() ? ChannelWay.ENGINE : ChannelWay.RUNNER;
    String user = spec.policy().rulesInSandbox() ? RunnerExec.SHARED_USER : null;
    Duration patience = Collections.min(List.of(DockerCommands.PATIENCE, settings.readyTimeout()));
    RunnerExec exec = new RunnerExec(calls, user, this::executesOnlyReadable);
    return new DockerCommands(calls, way, exec, patience, metrics);
  }

  private boolean executesOnlyReadable(String containerId) throws EngineException {
    EngineFacts.Runtimes runtimes = knownRuntimes;
    if (runtimes == null) {
      runtimes = facts().runtimes();
      knownRuntimes = runtimes;
    }
    return runtimes.haveGvisor() && runtimes.isGvisor(inspector.runtime(containerId));
  }

  @Override
  public Optional<Container> find(String nameOrId) throws EngineException {
    return inspector.find(nameOrId);
  }

  @Override
  public List<Container> list() throws EngineException {
    return inspector.list();
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

  /** Waits until a removal that another caller has already started is complete. */
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
    for (String exec : inspector.execs(containerId)) {
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
          engine -> {
            InspectExecResponse exec = engine.docker().inspectExecCmd(execId).exec();
            return Boolean.TRUE.equals(exec.isRunning()) && !RunnerExec.isRunner(exec);
          });
    } catch (EngineException e) {
      if (e.kind() == Kind.ABSENT) {
        return false;
      }
      throw e;
    }
  }

  @Override
  public Duration cpuTime(String containerId) throws EngineException {
    return lookups.ask(Operation.STATS, engine -> engine.requests().cpuTime(containerId));
  }

  /** Whether the engine is reached through a Unix socket, and so runs on this host. */
  public boolean isLocal() {
    return local;
  }

  /** Asks the engine for its version, its features and its host. */
  public EngineFacts facts() throws EngineException {
    return EngineFacts.read(calls);
  }

  /** Asks the engine for an image, which is not pulled; null if it does not have it. */
  public SandboxGround.@Nullable Image image(String name) throws EngineException {
    return SandboxGround.Image.read(calls, name);
  }

  /** Reads an image, which is not pulled or run; null if the engine does not have it. */
  public @Nullable ImageFacts imageFacts(String name) throws EngineException {
    return ImageFacts.read(calls, name);
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
          // On a reconnect: the engine may have restarted, and the host's rules may be lost with
          // it.
          if (watched.getAndSet(true)) {
            bound.forEach(DockerProfiles::doubtFirewalls);
          }
          connected.run();
        },
        events);
  }

  @Override
  public void close() {
    bound.forEach(DockerProfiles::close);
    calls.close();
  }
}
