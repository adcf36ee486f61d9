package io.zcbot.sandbox.worker.security;

import com.github.dockerjava.api.command.CreateContainerCmd;
import com.github.dockerjava.api.command.InspectContainerResponse;
import com.github.dockerjava.api.model.HostConfig;
import io.zcbot.sandbox.worker.docker.EngineBench;
import io.zcbot.sandbox.worker.docker.EngineBench.Started;
import io.zcbot.sandbox.worker.sandbox.SandboxSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.function.Consumer;

/** Sandboxes of one profile, made the worker's way, and the same with a protection taken away. */
final class Lab implements AutoCloseable {
  final EngineBench bench;
  final SandboxSpec spec;

  /** The one that attacks share which leave nothing behind. */
  final Started sandbox;

  private final Path directory;

  Lab(Profile profile, Path directory) throws Exception {
    this.directory = directory;
    bench =
        new EngineBench(
            Files.createDirectories(directory.resolve("workspaces")), Duration.ofSeconds(20));
    spec = profile.apply(bench.spec());
    sandbox = bench.start(spec);
  }

  Started fresh() throws Exception {
    return bench.start(spec);
  }

  Started fresh(String image) throws Exception {
    return bench.start(withImage(image));
  }

  SandboxSpec withImage(String image) {
    return new SandboxSpec(
        image,
        spec.runtime(),
        spec.memoryBytes(),
        spec.cpus(),
        spec.pids(),
        spec.tmpBytes(),
        spec.network(),
        spec.policy());
  }

  String image(String... dockerfile) throws IOException {
    return bench.image(
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

  String control(Consumer<CreateContainerCmd> change, Started of) {
    InspectContainerResponse original = bench.docker.inspectContainerCmd(of.id()).exec();
    try (CreateContainerCmd command =
        copy(
            original, "zcbot-control-" + UUID.randomUUID(), Map.of("zcbot.worker", bench.worker))) {
      command.withEntrypoint("sleep", "600");
      change.accept(command);
      String id = command.exec().getId();
      bench.docker.startContainerCmd(id).exec();
      return id;
    }
  }

  /** Asks for all over again that a container was made with. */
  CreateContainerCmd copy(
      InspectContainerResponse original, String name, Map<String, String> labels) {
    return bench
        .docker
        .createContainerCmd(Objects.requireNonNull(original.getConfig().getImage()))
        .withName(name)
        .withLabels(new HashMap<>(labels))
        .withHostName(original.getConfig().getHostName())
        .withUser(original.getConfig().getUser())
        .withWorkingDir(original.getConfig().getWorkingDir())
        .withEnv(original.getConfig().getEnv())
        .withAttachStdin(false)
        .withAttachStdout(true)
        .withAttachStderr(true)
        .withHostConfig(original.getHostConfig());
  }

  @Override
  public void close() throws IOException {
    bench.close();
  }
}
