/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.inspect;

import com.fasterxml.jackson.databind.JsonNode;
import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.command.CreateContainerCmd;
import com.github.dockerjava.api.exception.NotFoundException;
import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.api.SandboxLabels;
import io.zcbot.sandbox.worker.docker.api.SharedAttempts;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.spec.SandboxUids;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Compares containers with the spec that their label names. The label itself is no proof: anyone
 * with access to the engine's socket can write a label, or lift a limit later.
 *
 * <p>How an engine implements a spec depends on its version, its settings and its kernel. So the
 * reference is a container that this worker created on the same engine; if there is none yet, one
 * is created for this purpose and never started.
 *
 * <p>Thread-safe. Concurrent comparisons share one reference.
 */
public final class SpecCheck {
  private static final Logger log = LoggerFactory.getLogger(SpecCheck.class);

  private final EngineCalls calls;
  private final SandboxUids uids;
  private final SharedAttempts attempts = new SharedAttempts(Operation.CREATE);
  private volatile @Nullable Model model;

  /** Builds the request to create a container. */
  public interface Command {
    CreateContainerCmd of(DockerClient docker);
  }

  private record Model(boolean ipv6, ContainerShape shape) {}

  public SpecCheck(EngineCalls calls, SandboxUids uids) {
    this.calls = calls;
    this.uids = uids;
  }

  /**
   * Uses a container that was just created as the reference, if there is none. Never throws:
   * without a reference, the next comparison creates one.
   */
  public void learn(String containerId, Path workspace, boolean ipv6) {
    if (known(ipv6) == null) {
      try {
        model = new Model(ipv6, inspect(containerId, workspace));
      } catch (EngineException e) {
        log.debug("No reference container for the spec yet: {}", e.getMessage());
      }
    }
  }

  /**
   * Returns how a container differs from the spec; empty if it does not.
   *
   * @param answer the engine's description of the container
   * @param workspace the directory that should be mounted in it
   * @param ipv6 whether containers are created with IPv6 disabled
   * @param probed the directory that is mounted in a reference container
   * @param command builds the request to create a reference container
   * @throws EngineException if a reference can't be created now, but perhaps later
   */
  public List<String> differences(
      JsonNode answer, Path workspace, boolean ipv6, Path probed, Command command)
      throws EngineException, IOException {
    ContainerShape shape = ContainerShape.of(answer, workspace, uids);
    Model known = known(ipv6);
    if (known != null && known.shape.differences(shape).isEmpty()) {
      return List.of();
    }
    // The engine may have been upgraded or reconfigured since the reference was made, so that a
    // difference is legitimate: compare with a new reference.
    try {
      attempts.run(() -> model = probe(ipv6, probed, command));
    } catch (EngineException e) {
      if (e.kind().isRetryable()) {
        throw e;
      }
      return List.of("could not create a reference container for the spec: " + e.getMessage());
    }
    Model now = known(ipv6);
    return now == null
        ? List.of("the host's IPv6 support changed during the comparison")
        : now.shape.differences(shape);
  }

  private @Nullable Model known(boolean ipv6) {
    Model known = model;
    return known != null && known.ipv6 == ipv6 ? known : null;
  }

  private Model probe(boolean ipv6, Path probed, Command command) throws EngineException {
    // With a known name, the container can be removed even if the answer to the create is lost.
    String made = "zcbot-probe-" + UUID.randomUUID();
    try {
      String name = made;
      made =
          calls.call(
              Operation.CREATE,
              engine ->
                  command
                      .of(engine.docker())
                      .withName(name)
                      .withLabels(Map.of(SandboxLabels.PRODUCT, SandboxLabels.PRODUCT_PROBE))
                      .exec()
                      .getId());
      return new Model(ipv6, inspect(made, probed));
    } finally {
      remove(made);
    }
  }

  private ContainerShape inspect(String nameOrId, Path workspace) throws EngineException {
    return calls.call(
        Operation.INSPECT,
        engine ->
            ContainerShape.of(
                ContainerReading.parse(engine.requests().inspect(nameOrId)), workspace, uids));
  }

  private void remove(String nameOrId) {
    try {
      calls.call(
          Operation.REMOVE,
          engine -> {
            try {
              return engine.docker().removeContainerCmd(nameOrId).withForce(true).exec();
            } catch (NotFoundException e) {
              return null; // it was not created
            }
          });
    } catch (EngineException e) {
      log.warn("Could not remove the reference container {}: {}", nameOrId, e.getMessage());
    }
  }
}
