/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import com.fasterxml.jackson.databind.JsonNode;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.engine.SlotEngine.OnceRunning;
import io.zcbot.sandbox.worker.pool.SlotMounts;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Creates and starts sandboxes and slots: with the network and the host's firewall before, the
 * image pulled if it is missing, and what a failure tells remembered for the next try.
 */
final class SandboxFactory {
  private static final Logger log = LoggerFactory.getLogger(SandboxFactory.class);

  private final EngineCalls calls;
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
      SandboxNetwork network,
      HostFirewall firewall,
      ImagePull pull,
      ContainerStart start) {
    this.calls = calls;
    this.network = network;
    this.firewall = firewall;
    this.pull = pull;
    this.start = start;
    this.sandboxCheck = new SpecCheck(calls);
    this.slotCheck = new SpecCheck(calls);
  }

  /** Makes sure of what a sandbox hangs on: its network, and the rules there. */
  void prepare(SandboxSpec spec, String workerId) throws EngineException {
    if (spec.policy().hasNetwork()) {
      network.ensure(spec.network());
      firewall.require(spec, workerId);
    }
  }

  String create(SandboxSpec spec, UserId user, String workerId, Path workspace)
      throws EngineException {
    boolean withIpv6 = ipv6;
    String id =
        create(
            spec,
            workerId,
            docker -> ContainerCreation.command(docker, spec, user, workerId, workspace, withIpv6));
    sandboxCheck.learn(id, spec, workspace, withIpv6);
    return id;
  }

  String createSlot(SandboxSpec spec, String slotId, String workerId, Path directory)
      throws EngineException {
    boolean withIpv6 = ipv6;
    String id =
        create(
            spec,
            workerId,
            docker -> ContainerCreation.slot(docker, spec, slotId, workerId, directory, withIpv6));
    slotCheck.learn(id, spec, directory, withIpv6);
    return id;
  }

  private String create(SandboxSpec spec, String workerId, SpecCheck.Command command)
      throws EngineException {
    prepare(spec, workerId);
    try {
      return createOnce(command);
    } catch (EngineException e) {
      if (e.kind() == Kind.IMAGE_MISSING) {
        pull.run(spec.image());
      } else if (EngineErrors.isMissingNetwork(e)) {
        forgetNetwork();
        prepare(spec, workerId);
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
   * What of a container is not as its spec says; empty if all is.
   *
   * @param answer the engine's description of it
   * @param workspace of the user; that of a claimed slot is mounted on the slot's directory
   */
  List<String> differences(
      JsonNode answer, Container container, SandboxSpec spec, UserId user, Path workspace)
      throws EngineException, IOException {
    boolean withIpv6 = ipv6;
    // What is only looked at mounts the root: the user's directory may not be there yet.
    Path root = Objects.requireNonNull(workspace.getParent());
    Container.Slot slot = container.slot();
    return slot == null
        ? sandboxCheck.differences(
            answer,
            workspace,
            spec,
            withIpv6,
            root,
            docker -> ContainerCreation.command(docker, spec, user, "", root, withIpv6))
        : slotDifferences(answer, spec, slot, SlotMounts.directory(root, slot), root);
  }

  /**
   * The same for a slot, claimed or not, which has its own directory mounted.
   *
   * @param probed is mounted in one that is only looked at
   */
  List<String> slotDifferences(
      JsonNode answer, SandboxSpec spec, Container.Slot slot, Path directory, Path probed)
      throws EngineException, IOException {
    boolean withIpv6 = ipv6;
    return slotCheck.differences(
        answer,
        directory,
        spec,
        withIpv6,
        probed,
        docker -> ContainerCreation.slot(docker, spec, slot.id(), "", probed, withIpv6));
  }
}
