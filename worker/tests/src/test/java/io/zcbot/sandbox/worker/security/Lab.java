/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import com.github.dockerjava.api.command.CreateContainerCmd;
import com.github.dockerjava.api.command.InspectContainerResponse;
import com.github.dockerjava.api.model.HostConfig;
import io.zcbot.sandbox.worker.docker.EngineFixture;
import io.zcbot.sandbox.worker.docker.EngineFixture.Started;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.spec.ResourceLimits;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.testkit.machine.Commands;
import io.zcbot.sandbox.worker.testkit.machine.EngineHost;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Sandboxes of one profile, made as the worker makes them, and the same without one protection. */
final class Lab implements AutoCloseable {
  /** The runtime on the host's kernel, on every engine that has gVisor as well. */
  private static final String RUNC = "runc";

  final EngineFixture fixture;
  final SandboxSpec spec;

  /** The sandbox shared by attacks that leave nothing behind. */
  final Started sandbox;

  private final Path directory;
  private final Profile profile;
  private final @Nullable EngineHost host;
  private final @Nullable ClaimedSandboxes claims;

  Lab(Profile profile, Path directory) throws Exception {
    this.directory = directory;
    this.profile = profile;
    Path workspaces =
        Files.createDirectories(directory.resolve("workspaces-" + profile.name())).toRealPath();
    host = profile.ownKernel() ? GvisorEngine.OfTheRun.get().host() : null;
    fixture = fixture(workspaces);
    fixture.uids = EngineFixture.OWN_UIDS;
    spec = profile.apply(fixture.spec());
    fixture.base = spec.image();
    claims = profile.claimed() ? new ClaimedSandboxes(fixture, workspaces) : null;
    try {
      sandbox = fresh();
    } catch (Exception | AssertionError e) {
      close();
      throw e;
    }
  }

  /** Another fixture on the same engine. */
  EngineFixture fixture(Path workspaces) {
    return host == null
        ? new EngineFixture(workspaces, Duration.ofSeconds(60))
        : EngineFixture.at(host.address(), workspaces);
  }

  Started fresh() throws Exception {
    return fresh(spec);
  }

  Started fresh(String image) throws Exception {
    return fresh(withImage(image));
  }

  Started fresh(SandboxSpec wanted) throws Exception {
    return claims == null ? fixture.start(wanted) : claims.claim(wanted);
  }

  SandboxSpec withImage(String image) {
    return new SandboxSpec(image, spec.runtime(), spec.limits(), spec.network(), spec.policy());
  }

  SandboxSpec weighed(int ioWeight) {
    return limited(ioWeight, null);
  }

  SandboxSpec below(ParentGroup group) {
    return limited(null, group.setting);
  }

  private SandboxSpec limited(@Nullable Integer ioWeight, @Nullable String cgroupParent) {
    ResourceLimits limits = spec.limits();
    return new SandboxSpec(
        spec.image(),
        spec.runtime(),
        new ResourceLimits(
            limits.memoryBytes(),
            limits.cpus(),
            limits.pids(),
            limits.tmpBytes(),
            ioWeight,
            cgroupParent),
        spec.network(),
        spec.policy());
  }

  String image(String... dockerfile) throws IOException {
    return fixture.image(
        Files.createDirectories(directory.resolve(UUID.randomUUID().toString())), dockerfile);
  }

  /**
   * The same container without what {@code taken} takes away. It has no firewall either: init does
   * not run, which would change the host's rules in a container that shares its network.
   */
  String without(Consumer<HostConfig> taken) {
    return control(
        command -> taken.accept(Objects.requireNonNull(command.getHostConfig())), sandbox);
  }

  /** And without a kernel of its own, where that gives the same. */
  String exposed(Consumer<HostConfig> taken) {
    return without(
        config -> {
          onHostsKernel(config);
          taken.accept(config);
        });
  }

  void onHostsKernel(HostConfig config) {
    if (profile.ownKernel()) {
      config.withRuntime(RUNC);
    }
  }

  String control(Consumer<CreateContainerCmd> change, Started of) {
    InspectContainerResponse original = fixture.docker.inspectContainerCmd(of.id()).exec();
    try (CreateContainerCmd command =
        copy(
            original,
            "zcbot-control-" + UUID.randomUUID(),
            Map.of("zcbot.worker", fixture.worker))) {
      command.withEntrypoint("sleep", "3600").withCmd();
      change.accept(command);
      String id = command.exec().getId();
      start(id, of);
      return id;
    }
  }

  /** gVisor starts nothing in a directory that is another user's, as workspaces are on the disk. */
  private void start(String id, Started of) {
    int uid = Integer.parseInt(uid(of.id()));
    if (!profile.ownKernel() || claims != null || uid == Workspaces.SANDBOX_ID) {
      fixture.startContainer(id);
      return;
    }
    try (var _ = fixture.views().show(of.user(), uid)) {
      fixture.startContainer(id);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Requests a container with the same settings as an existing one. */
  CreateContainerCmd copy(
      InspectContainerResponse original, String name, Map<String, String> labels) {
    return fixture
        .docker
        .createContainerCmd(Objects.requireNonNull(original.getConfig().getImage()))
        .withName(name)
        .withLabels(new HashMap<>(labels))
        .withHostName(original.getConfig().getHostName())
        .withUser(original.getConfig().getUser())
        .withWorkingDir(original.getConfig().getWorkingDir())
        .withEnv(original.getConfig().getEnv())
        .withEntrypoint(original.getConfig().getEntrypoint())
        .withCmd(original.getConfig().getCmd())
        .withAttachStdin(false)
        .withAttachStdout(true)
        .withAttachStderr(true)
        .withStdinOpen(original.getConfig().getStdinOpen())
        .withHostConfig(original.getHostConfig());
  }

  /** Runs a program of the host in the network that the engine uses itself. */
  String onHost(String... command) throws IOException, InterruptedException {
    List<String> words = new ArrayList<>();
    if (host != null) {
      words.addAll(List.of("ip", "netns", "exec", host.namespace()));
    }
    words.addAll(List.of(command));
    return Commands.run(words.toArray(String[]::new));
  }

  /** Runs Docker's CLI on the same engine. */
  String docker(String... command) throws IOException, InterruptedException {
    List<String> words = new ArrayList<>(List.of("docker"));
    if (host != null) {
      words.addAll(List.of("-H", host.address()));
    }
    words.addAll(List.of(command));
    return Commands.run(words.toArray(String[]::new));
  }

  /** The uid that commands of the container run as. */
  String uid(String container) {
    return fixture.agent(container).split(":", 2)[0];
  }

  /** The process id, on the host, of a container's first process. */
  long pid(String container) {
    return Objects.requireNonNull(
        fixture.docker.inspectContainerCmd(container).exec().getState().getPidLong());
  }

  /**
   * Reads a file of a container's control group, as the host shows it.
   *
   * @param controller of cgroup version 1
   * @param v1 the file's name there
   * @param v2 its name in version 2
   */
  String cgroup(String container, String controller, String v1, String v2) throws IOException {
    return Files.readString(cgroupFile(container, controller, v1, v2)).strip();
  }

  Path cgroupFile(String container, String controller, String v1, String v2) throws IOException {
    Path root = Path.of("/sys/fs/cgroup");
    for (String line : Files.readAllLines(Path.of("/proc/" + pid(container) + "/cgroup"))) {
      String[] words = line.split(":", 3);
      if (List.of(words[1].split(",")).contains(controller)) {
        return root.resolve(controller).resolve(words[2].substring(1)).resolve(v1);
      }
      if (words[1].isEmpty() && Files.exists(root.resolve("cgroup.controllers"))) {
        return root.resolve(words[2].substring(1)).resolve(v2);
      }
    }
    throw new IOException(container + " is in no control group for " + controller);
  }

  @Override
  public void close() throws IOException {
    try {
      if (claims != null) {
        claims.close();
      } else {
        fixture.close();
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while clearing away");
    }
  }
}
