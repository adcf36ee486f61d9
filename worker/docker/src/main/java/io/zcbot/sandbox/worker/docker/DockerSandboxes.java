/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import io.zcbot.sandbox.events.ProfileName;
import io.zcbot.sandbox.events.RefusedEgress;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.docker.api.ContainerOwner;
import io.zcbot.sandbox.worker.docker.api.DockerEngineSettings;
import io.zcbot.sandbox.worker.docker.api.EngineCalls;
import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.docker.api.Lookups;
import io.zcbot.sandbox.worker.docker.api.Operation;
import io.zcbot.sandbox.worker.docker.command.EntranceExec;
import io.zcbot.sandbox.worker.docker.create.ContainerStart;
import io.zcbot.sandbox.worker.docker.create.FreeUids;
import io.zcbot.sandbox.worker.docker.create.SandboxFactory;
import io.zcbot.sandbox.worker.docker.create.SandboxProbe;
import io.zcbot.sandbox.worker.docker.create.SlotLayout;
import io.zcbot.sandbox.worker.docker.firewall.HostFirewall;
import io.zcbot.sandbox.worker.docker.firewall.NamespaceSeal;
import io.zcbot.sandbox.worker.docker.firewall.RulesWatch;
import io.zcbot.sandbox.worker.docker.host.ImagePull;
import io.zcbot.sandbox.worker.docker.host.RunnerProbe;
import io.zcbot.sandbox.worker.docker.host.RuntimeVolume;
import io.zcbot.sandbox.worker.docker.host.SandboxGround;
import io.zcbot.sandbox.worker.docker.host.SandboxNetwork;
import io.zcbot.sandbox.worker.docker.inspect.Inspection;
import io.zcbot.sandbox.worker.docker.inspect.Inspector;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.engine.SandboxEngine;
import io.zcbot.sandbox.worker.engine.SlotEngine;
import io.zcbot.sandbox.worker.engine.Verified;
import io.zcbot.sandbox.worker.spec.Narrowing;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.spec.SandboxUids;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Creates, starts and verifies a worker's sandboxes and slots of one spec, and keeps the host's
 * firewall for them. Delegates to the packages {@code create}, {@code inspect} and {@code
 * firewall}. Thread-safe; calls block as those of {@link DockerEngine} do.
 */
public final class DockerSandboxes implements SandboxEngine, SlotEngine {
  private final EngineCalls calls;
  private final Lookups lookups;
  private final SandboxSpec spec;
  private final SandboxUids uids;
  private final SandboxNetwork network;
  private final String firewallImage;
  private final String runtimeImage;
  private final HostFirewall firewall;
  private final SandboxFactory factory;
  private final Inspector inspector;
  private final Inspection inspection;

  DockerSandboxes(
      EngineCalls calls,
      Lookups lookups,
      Inspector inspector,
      SandboxSpec spec,
      SandboxUids uids,
      FreeUids freeUids,
      ContainerOwner owner,
      GuardedNetwork guarded,
      RuntimeVolume runtime,
      DockerEngineSettings settings) {
    this.calls = calls;
    this.lookups = lookups;
    this.inspector = inspector;
    this.spec = spec;
    this.uids = uids;
    this.network = guarded.network();
    this.firewallImage = settings.firewallImage();
    this.runtimeImage = settings.runtimeImage();
    ImagePull pull =
        new ImagePull(
            calls,
            spec.image(),
            "build it (docker build -t "
                + spec.image()
                + " sandbox-image), or name another "
                + (owner.profile().equals(ProfileName.DEFAULT)
                    ? "in ZCBOT_SANDBOX_IMAGE"
                    : "as the image of the profile " + owner.profile()),
            settings.pullTimeout(),
            System::nanoTime);
    this.firewall = guarded.firewall();
    NamespaceSeal seal = firewall.seal();
    ContainerStart start =
        new ContainerStart(calls, spec.policy().sealed() ? seal : null, settings.readyTimeout());
    this.factory =
        new SandboxFactory(
            calls, spec, uids, freeUids, owner, network, firewall, pull, runtime, start);
    this.inspection = new Inspection(inspector, factory, spec.hash(), owner);
  }

  /**
   * Sets the host's firewall rules if the spec has any. Blocks, but never throws: a failure is
   * logged and returned by {@link #firewallProblem}, and no container is created until the rules
   * are set.
   */
  public void checkFirewall() {
    firewall.check();
  }

  /**
   * Starts to watch the host's rules, so that a change is repaired at once. Close the result to
   * stop.
   */
  public AutoCloseable watchFirewall() {
    return RulesWatch.start(firewall);
  }

  /**
   * Returns why the host's firewall is not known to be in force; null if it is, or if the spec has
   * none. Does not block.
   */
  public @Nullable String firewallProblem() {
    return firewall.problem();
  }

  /** The spec of all of these sandboxes. */
  public SandboxSpec spec() {
    return spec;
  }

  @Override
  public Optional<Verified> verify(String nameOrId, UserId user, Path workspace)
      throws EngineException {
    return inspection.verify(nameOrId, user, workspace);
  }

  @Override
  public Optional<Verified> verifySlot(String containerId, Path directory) throws EngineException {
    return inspection.verifySlot(containerId, directory);
  }

  @Override
  public String create(UserId user, Path workspace) throws EngineException {
    return factory.create(user, workspace);
  }

  @Override
  public int uid(String containerId) throws EngineException {
    Integer known = uids.isShared() ? Integer.valueOf(uids.first()) : factory.uid(containerId);
    return known == null ? inspection.uid(containerId) : known;
  }

  @Override
  public Container start(String containerId) throws EngineException {
    factory.start(containerId);
    return inspector
        .find(containerId)
        .orElseThrow(
            () ->
                EngineErrors.exception(
                    Kind.ABSENT,
                    Operation.START,
                    "the container was removed right after its start",
                    "",
                    null));
  }

  @Override
  public void let(String containerId, @Nullable List<String> allow) throws EngineException {
    firewall.let(containerId, Narrowing.names(allow));
  }

  @Override
  public List<RefusedEgress> refused(String containerId) {
    return firewall.refused(containerId);
  }

  @Override
  public void prepare() throws EngineException {
    factory.prepare();
  }

  @Override
  public String createSlot(String slotId, Path directory) throws EngineException {
    return factory.createSlot(slotId, directory);
  }

  @Override
  public void startSlot(String containerId, OnceRunning onceRunning)
      throws EngineException, IOException {
    factory.startSlot(containerId, onceRunning);
  }

  @Override
  public Entrance entrance(String containerId) throws EngineException {
    SlotLayout layout = factory.layout();
    return layout == SlotLayout.AT_ONCE
        ? Entrance.OPEN
        : EntranceExec.start(calls, containerId, layout.shows());
  }

  @Override
  public void rename(String containerId, String name) throws EngineException {
    calls.call(
        Operation.RENAME,
        engine -> engine.docker().renameContainerCmd(containerId).withName(name).exec());
  }

  @Override
  public Optional<String> imageId() throws EngineException {
    try {
      return lookups.ask(
          Operation.IMAGE_INSPECT,
          engine ->
              Optional.ofNullable(engine.docker().inspectImageCmd(spec.image()).exec().getId()));
    } catch (EngineException e) {
      if (e.kind() == Kind.ABSENT) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /** Returns what the image's runner reports from inside a container, which this starts. */
  public RunnerProbe probe() throws EngineException {
    return new SandboxProbe(calls, spec, factory.runtime()).run();
  }

  /**
   * Returns the state of the image, the helper image and the network on the engine. Creates and
   * pulls nothing.
   */
  public SandboxGround ground() throws EngineException {
    SandboxGround.Image image = SandboxGround.Image.read(calls, spec.image());
    return new SandboxGround(
        image,
        spec.policy().rulesOnHost()
            ? new SandboxGround.Helper(
                firewallImage, SandboxGround.Image.read(calls, firewallImage))
            : null,
        network.look(),
        image == null || !image.isForeign()
            ? null
            : new SandboxGround.Helper(
                runtimeImage, SandboxGround.Image.read(calls, runtimeImage)));
  }
}
