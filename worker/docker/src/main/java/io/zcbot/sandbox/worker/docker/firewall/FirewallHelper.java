/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.firewall;

import com.github.dockerjava.api.command.CreateContainerCmd;
import com.github.dockerjava.api.model.Capability;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.LogConfig;
import com.github.dockerjava.api.model.RestartPolicy;
import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.InputQueue;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.api.SandboxLabels;
import io.zcbot.sandbox.worker.docker.host.EngineFacts;
import io.zcbot.sandbox.worker.docker.init.InitOutput.Verdict;
import io.zcbot.sandbox.worker.docker.init.ReadyGate;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs helper containers that set, watch and seal firewall rules. A helper for one task reports its
 * result in one line and is removed; those that watch and seal run until they are closed. Each has
 * only the privileges that its job needs.
 */
final class FirewallHelper {
  private static final Logger log = LoggerFactory.getLogger(FirewallHelper.class);
  private static final String PROGRAM = "/usr/local/sbin/zcbot-host-firewall";
  private static final Duration WATCH_SLICE = Duration.ofSeconds(3);

  private final EngineCalls calls;
  private final String image;
  private final Map<String, String> labels;
  private final Duration patience;

  FirewallHelper(EngineCalls calls, String image, String workerId, Duration patience) {
    this.calls = calls;
    this.image = image;
    this.labels =
        Map.of(SandboxLabels.PRODUCT, SandboxLabels.PRODUCT_HELPER, SandboxLabels.WORKER, workerId);
    this.patience = patience;
  }

  /** The job of a helper, with the privileges that it needs. */
  sealed interface Job {
    /** Reads which DNS resolvers containers on a network use. Needs no privileges. */
    record Resolvers(String network) implements Job {}

    /** Sets the host's rules. Runs in the host's network namespace with NET_ADMIN. */
    record SetRules(List<String> environment) implements Job {}

    /** Sets rules in the network namespaces of processes that are named on its standard input. */
    record Seal(List<String> environment) implements Job {}

    /**
     * Ends when the host's rules are no longer those that were set, or when its standard input
     * ends. Needs the same privileges as setting them.
     */
    record WatchRules(List<String> environment) implements Job {}
  }

  /**
   * Runs a helper for one task and waits for its result.
   *
   * @return the details that it reported, by key
   * @throws EngineException of kind FIREWALL if it reported a failure or ended without a result
   */
  Map<String, String> run(Job job, EngineFacts facts) throws EngineException {
    Verdict verdict = verdict(job, facts);
    if (verdict instanceof Verdict.Silent silent && silent.last().isEmpty()) {
      // A busy engine may end a stream before it has delivered the output; so no output at all is
      // worth a second attempt.
      verdict = verdict(job, facts);
    }
    return said(verdict);
  }

  private Verdict verdict(Job job, EngineFacts facts) throws EngineException {
    String id = create(job, facts);
    try (ReadyGate gate = ReadyGate.open(calls, id)) {
      calls.call(Operation.START, engine -> engine.docker().startContainerCmd(id).exec());
      return gate.await(patience);
    } catch (TimeoutException e) {
      throw EngineErrors.exception(
          Kind.UNPROTECTED,
          Operation.FIREWALL,
          "the helper container did not report within "
              + EngineCalls.seconds(patience)
              + " whether it succeeded",
          "check whether the host is overloaded, and whether "
              + image
              + " was built from sandbox-image/firewall.Dockerfile",
          e);
    } finally {
      removeQuietly(id);
    }
  }

  String create(Job job) throws EngineException {
    return create(job, EngineFacts.read(calls));
  }

  /**
   * Runs a helper that watches the host's rules. Blocks until it ends or {@code until} is true.
   *
   * @param until evaluated every 3 s, to end the watch
   * @return the helper's result; null if {@code until} ended the watch
   */
  @Nullable Verdict watch(Job.WatchRules job, EngineFacts facts, BooleanSupplier until)
      throws EngineException {
    String id = create(job, facts);
    try (InputQueue input = new InputQueue(0);
        ReadyGate gate = ReadyGate.open(calls, id, input)) {
      calls.call(Operation.START, engine -> engine.docker().startContainerCmd(id).exec());
      while (!until.getAsBoolean()) {
        try {
          return gate.await(WATCH_SLICE);
        } catch (TimeoutException _) {
          // no change yet
        }
      }
      return null;
    } finally {
      removeQuietly(id);
    }
  }

  private String create(Job job, EngineFacts facts) throws EngineException {
    return calls.call(
        Operation.CREATE,
        engine -> {
          String created =
              command(engine.docker().createContainerCmd(image), job, facts).exec().getId();
          if (created == null) {
            throw new IOException("the engine created a container but returned no id");
          }
          return created;
        });
  }

  /** Removes helpers that a previous run of the worker left. */
  void removeLeftovers() throws EngineException {
    List<com.github.dockerjava.api.model.Container> left =
        calls.call(
            Operation.LIST,
            engine ->
                engine
                    .docker()
                    .listContainersCmd()
                    .withShowAll(true)
                    .withLabelFilter(labels)
                    .exec());
    left.forEach(container -> removeQuietly(container.getId()));
  }

  private static Map<String, String> said(Verdict verdict) throws EngineException {
    return switch (verdict) {
      case Verdict.Ready ready -> ready.fields();
      case Verdict.SlotReady _ ->
          throw new IllegalStateException("the firewall's helper container behaves like a slot");
      case Verdict.Failed failed ->
          throw EngineErrors.exception(
              Kind.FIREWALL,
              Operation.FIREWALL,
              "the host's rules could not be set: " + EngineErrors.clean(failed.reason()),
              "",
              null);
      case Verdict.Silent silent ->
          throw EngineErrors.exception(
              Kind.FIREWALL,
              Operation.FIREWALL,
              "the helper container ended without a result, its last output: "
                  + EngineErrors.clean(silent.last()),
              "build the image from sandbox-image/firewall.Dockerfile",
              null);
    };
  }

  private CreateContainerCmd command(CreateContainerCmd command, Job job, EngineFacts facts) {
    HostConfig config =
        HostConfig.newHostConfig()
            .withReadonlyRootfs(true)
            .withPrivileged(false)
            .withCapDrop(Capability.ALL)
            .withSecurityOpts(List.of("no-new-privileges:true"))
            .withIpcMode("private")
            .withCgroupnsMode("private")
            .withPidsLimit(32L)
            .withMemory(128L << 20)
            .withMemorySwap(128L << 20)
            .withRestartPolicy(RestartPolicy.noRestart())
            .withAutoRemove(true)
            .withLogConfig(new LogConfig(LogConfig.LoggingType.LOCAL, Map.of("max-size", "1m")));
    if (facts.defaultHasOwnNetworkStack()) {
      config.withRuntime("runc"); // the rules are for the host kernel's network stack
    }
    command
        .withLabels(labels)
        .withEntrypoint(PROGRAM)
        .withWorkingDir("/")
        .withAttachStdin(false)
        .withAttachStdout(true)
        .withAttachStderr(true);
    switch (job) {
      case Job.Resolvers resolvers -> {
        config.withNetworkMode(resolvers.network);
        command.withUser("65534:65534").withCmd("resolvers");
      }
      case Job.SetRules rules -> {
        onHost(config, facts);
        command.withUser("0:0").withCmd("set").withEnv(rules.environment);
      }
      case Job.Seal seal -> {
        config
            .withNetworkMode("none")
            .withPidMode("host")
            // Docker's AppArmor profile would refuse access to some processes, and mounts.
            .withSecurityOpts(List.of("no-new-privileges:true", "apparmor=unconfined"))
            // entering another network namespace requires access to a process in it
            .withCapAdd(Capability.NET_ADMIN, Capability.SYS_ADMIN, Capability.SYS_PTRACE);
        if (facts.remapsUsers()) {
          config.withUsernsMode("host");
        }
        command
            .withUser("0:0")
            .withCmd("seal")
            .withEnv(seal.environment)
            .withStdinOpen(true)
            // its standard input ends when the worker ends, and then the helper ends
            .withStdInOnce(true);
      }
      case Job.WatchRules rules -> {
        onHost(config, facts);
        command
            .withUser("0:0")
            .withCmd("watch")
            .withEnv(rules.environment)
            .withStdinOpen(true)
            .withStdInOnce(true); // its input ends with the worker
      }
    }
    return command.withHostConfig(config);
  }

  private static void onHost(HostConfig config, EngineFacts facts) {
    config.withNetworkMode("host").withCapAdd(Capability.NET_ADMIN);
    if (facts.remapsUsers()) {
      config.withUsernsMode("host"); // a remapped root has no rights in the host's network
    }
  }

  /**
   * Removes a helper, also if the thread is interrupted; a failure is logged. The engine removes
   * helpers that end by themselves; this is for those that did not start or do not end.
   */
  void removeQuietly(String id) {
    boolean interrupted = Thread.interrupted();
    try {
      calls.call(
          Operation.REMOVE,
          engine -> engine.docker().removeContainerCmd(id).withForce(true).exec());
    } catch (EngineException e) {
      if (e.kind() != Kind.ABSENT && e.kind() != Kind.CONFLICT) {
        log.warn(
            "Could not remove the helper container {}; the worker's next start does: {}",
            id,
            e.getMessage());
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
