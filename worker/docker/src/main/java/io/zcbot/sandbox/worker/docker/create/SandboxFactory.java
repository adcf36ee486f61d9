/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.create;

import com.fasterxml.jackson.databind.JsonNode;
import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.command.CreateContainerCmd;
import com.github.dockerjava.api.model.Mount;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Recent;
import io.zcbot.sandbox.worker.docker.api.ContainerOwner;
import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.firewall.HostFirewall;
import io.zcbot.sandbox.worker.docker.host.EngineFacts;
import io.zcbot.sandbox.worker.docker.host.ImagePull;
import io.zcbot.sandbox.worker.docker.host.RuntimeVolume;
import io.zcbot.sandbox.worker.docker.host.SandboxGround;
import io.zcbot.sandbox.worker.docker.host.SandboxNetwork;
import io.zcbot.sandbox.worker.docker.inspect.SpecCheck;
import io.zcbot.sandbox.worker.docker.inspect.SpecComparison;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.engine.SlotEngine.OnceRunning;
import io.zcbot.sandbox.worker.pool.SlotMounts;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.spec.SandboxUids;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.IntFunction;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Creates and starts sandboxes and slots of one spec, once the network exists and the host's
 * firewall is in force. Pulls a missing image, learns from failures for the next attempt, and makes
 * the reference containers with which others are compared. Thread-safe; calls block.
 */
public final class SandboxFactory implements SpecComparison {
  private static final Logger log = LoggerFactory.getLogger(SandboxFactory.class);

  private static final int MOST_CREATED = 256;

  /** Attempts to allocate a user id that no other worker chooses at the same time. */
  private static final int MOST_CLASHES = 4;

  private final EngineCalls calls;
  private final SandboxSpec spec;
  private final String workerId;
  private final ContainerOwner owner;
  private final RuntimeVolume runtime;
  private final SandboxNetwork network;
  private final HostFirewall firewall;
  private final ImagePull pull;
  private final ContainerStart start;
  private final SandboxUids uids;
  private final FreeUids freeUids;

  /**
   * User ids of containers that were created a moment ago, by container id, until the caller asks.
   */
  private final Map<String, Integer> created =
      Collections.synchronizedMap(Recent.map(MOST_CREATED));

  private final SpecCheck sandboxCheck;
  private final SpecCheck slotCheck;
  private volatile @Nullable SlotLayout layout;
  // cleared when a start fails: the name may stand for another image since
  private volatile @Nullable ContainerCreation creation;
  // cleared when a start shows that the host's kernel has no IPv6 that could be disabled
  private volatile boolean ipv6 = true;

  public SandboxFactory(
      EngineCalls calls,
      SandboxSpec spec,
      SandboxUids uids,
      FreeUids freeUids,
      ContainerOwner owner,
      SandboxNetwork network,
      HostFirewall firewall,
      ImagePull pull,
      RuntimeVolume runtime,
      ContainerStart start) {
    this.calls = calls;
    this.spec = spec;
    this.workerId = owner.workerId();
    this.owner = owner;
    this.runtime = runtime;
    this.network = network;
    this.firewall = firewall;
    this.pull = pull;
    this.start = start;
    this.uids = uids;
    this.freeUids = freeUids;
    this.sandboxCheck = new SpecCheck(calls, uids);
    this.slotCheck = new SpecCheck(calls, uids);
  }

  /** Makes sure that the network, if any, exists and that the host's firewall is in force there. */
  public void prepare() throws EngineException {
    if (spec.policy().hasNetwork()) {
      network.ensure();
      firewall.require();
    }
  }

  /** Creates a user's container without starting it; returns its id. */
  public String create(UserId user, Path workspace) throws EngineException {
    boolean withIpv6 = ipv6;
    String id =
        createAs(uid -> (made, docker) -> made.sandbox(docker, user, workspace, uid, withIpv6));
    sandboxCheck.learn(id, workspace, withIpv6);
    return id;
  }

  /** Creates a slot's container without starting it; returns its id. */
  public String createSlot(String slotId, Path directory) throws EngineException {
    boolean withIpv6 = ipv6;
    SlotLayout wanted = layout();
    Path source = wanted.source(directory);
    String id =
        createAs(uid -> (made, docker) -> made.slot(docker, slotId, wanted, source, uid, withIpv6));
    slotCheck.learn(id, source, withIpv6);
    return id;
  }

  /** Returns the user id of a container that was just created, and forgets it; null if unknown. */
  public @Nullable Integer uid(String containerId) {
    return created.remove(containerId);
  }

  /** Returns the layout of slots, which depends on the engine's runtimes. Asks the engine once. */
  public SlotLayout layout() throws EngineException {
    SlotLayout known = layout;
    if (known == null) {
      known = SlotLayout.of(EngineFacts.read(calls), spec);
      layout = known;
    }
    return known;
  }

  /**
   * Creates a container with a user id that no other container has. If another worker chose the
   * same id concurrently, the container is removed and another id is tried.
   */
  private String createAs(IntFunction<Request> request) throws EngineException {
    for (int i = 0; i < MOST_CLASHES; i++) {
      try (FreeUids.Taken uid = freeUids.take()) {
        String id = create(request.apply(uid.number()));
        if (isItsOwn(uid, id)) {
          created.put(id, uid.number());
          return id;
        }
      }
    }
    throw EngineErrors.exception(
        Kind.TRANSIENT,
        Operation.CREATE,
        "other workers on this engine took the same users " + MOST_CLASHES + " times",
        "give each worker a range of its own in ZCBOT_SANDBOX_UIDS",
        null);
  }

  /**
   * Whether no other container has the same user id. If another has, or the engine does not answer,
   * the container is removed.
   */
  private boolean isItsOwn(FreeUids.Taken uid, String id) throws EngineException {
    boolean own = false;
    try {
      own = !uid.isAnothersToo(id);
      return own;
    } finally {
      if (!own) {
        removeUnused(id);
      }
    }
  }

  /**
   * Removes a container that must not be used. If that fails, a later create under the same name
   * replaces it, or a sweep removes it.
   */
  private void removeUnused(String id) {
    try {
      calls.call(
          Operation.REMOVE,
          engine -> engine.docker().removeContainerCmd(id).withForce(true).exec());
    } catch (EngineException e) {
      log.warn("Could not remove container {}, which nothing uses: {}", id, e.getMessage());
    }
  }

  private String create(Request request) throws EngineException {
    prepare();
    try {
      return createOnce(request);
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
    return createOnce(request);
  }

  /** Builds a request. */
  private interface Request {
    CreateContainerCmd of(ContainerCreation creation, DockerClient docker);
  }

  /** Returns how containers of the image are created; asks the engine once. */
  private ContainerCreation creation() throws EngineException {
    ContainerCreation known = creation;
    if (known == null) {
      SandboxGround.Image image = SandboxGround.Image.read(calls, spec.image());
      if (image == null) {
        return new ContainerCreation(spec, owner); // the engine says that it is missing
      }
      known = new ContainerCreation(spec, owner, runtime(image));
      creation = known;
    }
    return known;
  }

  /**
   * Returns the mount by which an image's sandboxes start; null if the image has what it takes.
   *
   * @throws EngineException if nothing can be done about what the image lacks
   */
  private @Nullable Mount runtime(SandboxGround.Image image) throws EngineException {
    if (!image.isForeign()) {
      return null;
    }
    String unfit = image.unfit(spec.policy());
    if (unfit != null) {
      throw EngineErrors.exception(
          Kind.REJECTED,
          Operation.CREATE,
          spec.image() + " can't be a sandbox: " + unfit,
          "'sandbox image check " + spec.image() + "' says more",
          null);
    }
    return runtime.mount();
  }

  /** Returns the mount that has the runner; null if the image has it. */
  public @Nullable Mount runtime() throws EngineException {
    SandboxGround.Image image = SandboxGround.Image.read(calls, spec.image());
    return image == null ? null : runtime(image);
  }

  private void forgetNetwork() {
    network.forget();
    firewall.doubt();
  }

  private String createOnce(Request request) throws EngineException {
    ContainerCreation made = creation();
    return calls.call(
        Operation.CREATE,
        engine -> {
          String id = request.of(made, engine.docker()).exec().getId();
          if (id == null) {
            throw new IOException("the engine created a container but returned no id");
          }
          return id;
        });
  }

  public void start(String containerId) throws EngineException {
    long began = firewall.now();
    try {
      start.run(containerId);
      firewall.let(containerId, null);
    } catch (EngineException e) {
      throw noted(e, began);
    }
  }

  public void startSlot(String containerId, OnceRunning onceRunning)
      throws EngineException, IOException {
    long began = firewall.now();
    try {
      start.runSlot(containerId, onceRunning);
      firewall.let(containerId, null);
    } catch (EngineException e) {
      throw noted(e, began);
    }
  }

  /**
   * Records what the failure of a start means for the next one: no network, no host rules, or no
   * IPv6.
   */
  private EngineException noted(EngineException e, long began) {
    creation = null;
    runtime.doubt();
    if (EngineErrors.isMissingNetwork(e)) {
      forgetNetwork();
    } else if (e.kind() == Kind.UNPROTECTED) {
      firewall.doubt(began);
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
    // A reference container mounts the root, because the user's directory may not exist yet.
    Path root = Objects.requireNonNull(workspace.getParent());
    if (slotId != null) {
      Path directory = SlotMounts.directory(root, workerId).resolve(slotId);
      return slotDifferences(answer, slotId, directory, root);
    }
    boolean withIpv6 = ipv6;
    ContainerCreation made = creation();
    return sandboxCheck.differences(
        answer,
        workspace,
        withIpv6,
        root,
        docker -> made.sandbox(docker, user, root, uids.first(), withIpv6));
  }

  @Override
  public List<String> slotDifferences(JsonNode answer, String slotId, Path directory, Path probed)
      throws EngineException, IOException {
    boolean withIpv6 = ipv6;
    SlotLayout wanted = layout();
    ContainerCreation made = creation();
    return slotCheck.differences(
        answer,
        wanted.source(directory),
        withIpv6,
        probed,
        docker -> made.slot(docker, slotId, wanted, probed, uids.first(), withIpv6));
  }
}
