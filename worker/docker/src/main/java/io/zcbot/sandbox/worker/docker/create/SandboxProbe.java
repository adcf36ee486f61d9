/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.create;

import com.github.dockerjava.api.command.CreateContainerCmd;
import com.github.dockerjava.api.model.Capability;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.Mount;
import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.api.SandboxLabels;
import io.zcbot.sandbox.worker.docker.host.RunnerProbe;
import io.zcbot.sandbox.worker.docker.host.RuntimeVolume;
import io.zcbot.sandbox.worker.docker.init.InitOutput.Verdict;
import io.zcbot.sandbox.worker.docker.init.ReadyGate;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeoutException;
import org.jspecify.annotations.Nullable;

/**
 * Finds out which kinds of sockets can be created in a sandbox that lead into the kernel or to the
 * hypervisor and should be refused, and whether the runner's filter of system calls can be loaded.
 * Runs a container of the spec's image and runtime for that.
 */
public final class SandboxProbe {
  private static final Duration PATIENCE = Duration.ofSeconds(15);

  private final EngineCalls calls;
  private final SandboxSpec spec;
  private final @Nullable Mount runtime;

  /**
   * Creates a probe.
   *
   * @param runtime the mount that has the runner; null if the image has it
   */
  public SandboxProbe(EngineCalls calls, SandboxSpec spec, @Nullable Mount runtime) {
    this.calls = calls;
    this.spec = spec;
    this.runtime = runtime;
  }

  /** Starts a container and returns what its runner reports. Blocks for at most about 15 s. */
  public RunnerProbe run() throws EngineException {
    String id = create();
    try (ReadyGate gate = ReadyGate.open(calls, id)) {
      calls.call(Operation.START, engine -> engine.docker().startContainerCmd(id).exec());
      if (gate.await(PATIENCE) instanceof Verdict.Ready ready) {
        String sockets = ready.fields().getOrDefault("sockets", "");
        String filter = ready.fields().get("filter");
        return new RunnerProbe(
            sockets.isEmpty() ? List.of() : List.of(sockets.split(",")),
            filter == null ? null : RunnerProbe.Filter.of(Integer.parseInt(filter)));
      }
      throw unanswered(null);
    } catch (TimeoutException | NumberFormatException e) {
      throw unanswered(e);
    } finally {
      var _ =
          calls.call(
              Operation.REMOVE,
              engine -> engine.docker().removeContainerCmd(id).withForce(true).exec());
    }
  }

  private static EngineException unanswered(@Nullable Exception cause) {
    return EngineErrors.exception(
        Kind.REJECTED,
        Operation.START,
        "the image's runner does not report what it can do",
        "build the image from the sandbox-image of this worker's version",
        cause);
  }

  private String create() throws EngineException {
    return calls.call(
        Operation.CREATE,
        engine -> {
          HostConfig config =
              HostConfig.newHostConfig()
                  .withNetworkMode("none")
                  .withReadonlyRootfs(true)
                  .withCapDrop(Capability.ALL)
                  .withSecurityOpts(List.of("no-new-privileges:true"))
                  .withPidsLimit(32L)
                  .withMemory(128L << 20)
                  .withMemorySwap(128L << 20);
          if (runtime != null) {
            config.withMounts(List.of(runtime));
          }
          String name = spec.runtime();
          if (name != null) {
            config.withRuntime(name);
          }
          CreateContainerCmd command =
              engine
                  .docker()
                  .createContainerCmd(spec.image())
                  .withLabels(Map.of(SandboxLabels.PRODUCT, SandboxLabels.PRODUCT_PROBE))
                  .withUser("1000:1000")
                  .withEntrypoint(RuntimeVolume.RUNNER)
                  .withCmd("sockets")
                  .withAttachStdout(true)
                  .withHostConfig(config);
          String id = command.exec().getId();
          if (id == null) {
            throw new IOException("the engine created a container but returned no id");
          }
          return id;
        });
  }
}
