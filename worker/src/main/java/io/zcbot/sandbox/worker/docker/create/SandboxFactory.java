/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.create;

import com.fasterxml.jackson.databind.JsonNode;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.firewall.HostFirewall;
import io.zcbot.sandbox.worker.docker.host.ImagePull;
import io.zcbot.sandbox.worker.docker.host.SandboxNetwork;
import io.zcbot.sandbox.worker.docker.inspect.SpecCheck;
import io.zcbot.sandbox.worker.docker.inspect.SpecComparison;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.engine.SlotEngine.OnceRunning;
import io.zcbot.sandbox.worker.pool.SlotMounts;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.spec.SandboxUids;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Creates and starts sandboxes and slots of one spec, after the network and the host's firewall.
 * Pulls the image if it is missing, and uses what a failure shows for the next attempt.
 */
public final class SandboxFactory implements SpecComparison {
  private static final Logger log = LoggerFactory.getLogger(SandboxFactory.class);

  private static final int MOST_CREATED = 256;

  private final EngineCalls calls;
  private final NetworkPolicy policy;
  private final String workerId;
  private final ContainerCreation creation;
  private final SandboxNetwork network;
  private final HostFirewall firewall;
  private final ImagePull pull;
  private final ContainerStart start;
  private final SandboxUids uids;
  private final FreeUids freeUids;

  /** Of containers that were created a moment ago, until they are asked for. */
  private final Map<String, Integer> created =
      Collections.synchronizedMap(
          new LinkedHashMap<>() {
            @Override
            protected boolean removeEldestEntry(Map.Entry<String, Integer> eldest) {
              return size() > MOST_CREATED;
            }
          });

  private final SpecCheck sandboxCheck;
  private final SpecCheck slotCheck;
  // cleared where the host's kernel turns out to have no IPv6: there is nothing to switch off
  private volatile boolean ipv6 = true;

  /**
   * A worker's factory for a spec.
   *
   * @param uids the users of the sandboxes
   * @param readyTimeout most time between a container's start and its ready line
   */
  public SandboxFactory(
      EngineCalls calls,
      SandboxSpec spec,
      SandboxUids uids,
      String workerId,
      SandboxNetwork network,
      HostFirewall firewall,
      ImagePull pull,
      Duration readyTimeout) {
    this.calls = calls;
    this.policy = spec.policy();
    this.workerId = workerId;
    this.creation = new ContainerCreation(spec, workerId);
    this.network = network;
    this.firewall = firewall;
    this.pull = pull;
    this.start = new ContainerStart(calls, readyTimeout);
    this.uids = uids;
    this.freeUids = new FreeUids(calls, uids, workerId);
    this.sandboxCheck = new SpecCheck(calls, uids);
    this.slotCheck = new SpecCheck(calls, uids);
  }

  /** Makes sure of what a sandbox hangs on: its network, and the rules there. */
  public void prepare() throws EngineException {
    if (policy.hasNetwork()) {
      network.ensure();
      firewall.require();
    }
  }

  public String create(UserId user, Path workspace) throws EngineException {
    boolean withIpv6 = ipv6;
    String id;
    try (FreeUids.Taken uid = freeUids.take()) {
      id = create(docker -> creation.sandbox(docker, user, workspace, uid.number(), withIpv6));
      created.put(id, uid.number());
    }
    sandboxCheck.learn(id, workspace, withIpv6);
    return id;
  }

  public String createSlot(String slotId, Path directory) throws EngineException {
    boolean withIpv6 = ipv6;
    String id;
    try (FreeUids.Taken uid = freeUids.take()) {
      id = create(docker -> creation.slot(docker, slotId, directory, uid.number(), withIpv6));
      created.put(id, uid.number());
    }
    slotCheck.learn(id, directory, withIpv6);
    return id;
  }

  /** The user of a container that was created a moment ago; null if that is forgotten. */
  public @Nullable Integer uid(String containerId) {
    return created.remove(containerId);
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
            throw new IOException("the engine created a container but returned no id");
          }
          return id;
        });
  }

  public void start(String containerId) throws EngineException {
    try {
      start.run(containerId);
    } catch (EngineException e) {
      throw noted(e);
    }
  }

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
      forgetNetwork();
    } else if (e.kind() == Kind.UNPROTECTED) {
      firewall.doubt();
    } else if (EngineErrors.isMissingIpv6(e)) {
      log.info(
          "The engine's host has no IPv6; sandboxes are created without the setting that"
              + " disables it");
      ipv6 = false;
    }
    return e;
  }

  @Override
  public List<String> differences(
      JsonNode answer, @Nullable String slotId, UserId user, Path workspace)
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
        docker -> creation.sandbox(docker, user, root, uids.first(), withIpv6));
  }

  @Override
  public List<String> slotDifferences(JsonNode answer, String slotId, Path directory, Path probed)
      throws EngineException, IOException {
    boolean withIpv6 = ipv6;
    return slotCheck.differences(
        answer,
        directory,
        withIpv6,
        probed,
        docker -> creation.slot(docker, slotId, probed, uids.first(), withIpv6));
  }
}
