/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import com.fasterxml.jackson.databind.JsonNode;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.engine.SlotEngine.OnceRunning;
import io.zcbot.sandbox.worker.pool.SlotMounts;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Creates and starts sandboxes and slots of one spec: with the network and the host's firewall
 * before, the image pulled if it is missing, and what a failure tells remembered for the next try.
 */
final class SandboxFactory {
  private static final Logger log = LoggerFactory.getLogger(SandboxFactory.class);

  private final EngineCalls calls;
  private final NetworkPolicy policy;
  private final ContainerCreation creation;
  private final SandboxNetwork network;
  private final HostFirewall firewall;
  private final ImagePull pull;
  private final ContainerStart start;
  private final SpecCheck sandboxCheck;
  private final SpecCheck slotCheck;
  // cleared where the host's kernel turns out to have no IPv6: there is nothing to switch off
  private volatile boolean ipv6 = true;

  SandboxFactory(
      EngineCalls calls,
      NetworkPolicy policy,
      ContainerCreation creation,
      SandboxNetwork network,
      HostFirewall firewall,
      ImagePull pull,
      ContainerStart start) {
    this.calls = calls;
    this.policy = policy;
    this.creation = creation;
    this.network = network;
    this.firewall = firewall;
    this.pull = pull;
    this.start = start;
    this.sandboxCheck = new SpecCheck(calls);
    this.slotCheck = new SpecCheck(calls);
  }

  /** Makes sure of what a sandbox hangs on: its network, and the rules there. */
  void prepare() throws EngineException {
    if (policy.hasNetwork()) {
      network.ensure();
      firewall.require();
    }
  }

  String create(UserId user, Path workspace) throws EngineException {
    boolean withIpv6 = ipv6;
    String id = create(docker -> creation.sandbox(docker, user, workspace, withIpv6));
    sandboxCheck.learn(id, workspace, withIpv6);
    return id;
  }

  String createSlot(String slotId, Path directory) throws EngineException {
    boolean withIpv6 = ipv6;
    String id = create(docker -> creation.slot(docker, slotId, directory, withIpv6));
    slotCheck.learn(id, directory, withIpv6);
    return id;
  }

  private String create(SpecCheck.Command command) throws EngineException {
    prepare();
    try {
      return createOnce(command);
    } catch (EngineException e) {
      if (e.kind() == Kind.IMAGE_MISSING) {
        pull.run();
      } else if (EngineErrors.isMissingNetwork(e)) {
        forgetNetwork();
        prepare();
      } else {
        throw e;
      }
    }
    return createOnce(command);
  }

  private void forgetNetwork() {
    network.forget();
    firewall.doubt();
  }

  private String createOnce(SpecCheck.Command command) throws EngineException {
    return calls.call(
        Operation.CREATE,
        engine -> {
          String id = command.of(engine.docker()).exec().getId();
          if (id == null) {
            throw new IOException("the engine created a container and told no id");
          }
          return id;
        });
  }

  void start(String containerId) throws EngineException {
    try {
      start.run(containerId);
    } catch (EngineException e) {
      throw noted(e);
    }
  }

  void startSlot(String containerId, OnceRunning onceRunning) throws EngineException, IOException {
    try {
      start.runSlot(containerId, onceRunning);
    } catch (EngineException e) {
      throw noted(e);
    }
  }

  /** What a failed start tells for the next one. */
  private EngineException noted(EngineException e) {
    if (EngineErrors.isMissingNetwork(e)) {
      forgetNetwork();
    } else if (e.kind() == Kind.UNPROTECTED) {
      firewall.doubt();
    } else if (EngineErrors.isMissingIpv6(e)) {
      log.info("The engine's host has no IPv6; sandboxes are made without switching it off");
      ipv6 = false;
    }
    return e;
  }

  /**
   * What of a sandbox is not as the spec says; empty if all is.
   *
   * @param answer the engine's description of it
   * @param slotId the slot it was made as, if any
   * @param workspace of the user; that of a claimed slot is mounted on the slot's directory
   */
  List<String> differences(
      JsonNode answer, @Nullable String slotId, UserId user, Path workspace, String workerId)
      throws EngineException, IOException {
    // What is only looked at mounts the root: the user's directory may not be there yet.
    Path root = Objects.requireNonNull(workspace.getParent());
    if (slotId != null) {
      Path directory = SlotMounts.directory(root, workerId).resolve(slotId);
      return slotDifferences(answer, slotId, directory, root);
    }
    boolean withIpv6 = ipv6;
    return sandboxCheck.differences(
        answer,
        workspace,
        withIpv6,
        root,
        docker -> creation.sandbox(docker, user, root, withIpv6));
  }

  /**
   * The same for a slot, claimed or not, which has its own directory mounted.
   *
   * @param probed is mounted in one that is only looked at
   */
  List<String> slotDifferences(JsonNode answer, String slotId, Path directory, Path probed)
      throws EngineException, IOException {
    boolean withIpv6 = ipv6;
    return slotCheck.differences(
        answer,
        directory,
        withIpv6,
        probed,
        docker -> creation.slot(docker, slotId, probed, withIpv6));
  }
}
