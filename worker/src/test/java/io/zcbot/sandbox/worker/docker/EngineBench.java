package io.zcbot.sandbox.worker.docker;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.async.ResultCallback;
import com.github.dockerjava.api.command.CreateNetworkCmd;
import com.github.dockerjava.api.exception.DockerException;
import com.github.dockerjava.api.model.ContainerNetwork;
import com.github.dockerjava.api.model.Frame;
import com.github.dockerjava.core.DefaultDockerClientConfig;
import com.github.dockerjava.core.DockerClientImpl;
import com.github.dockerjava.zerodep.ZerodepDockerHttpClient;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.TestImage;
import io.zcbot.sandbox.worker.sandbox.EngineException;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.sandbox.SandboxSpec;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;

/**
 * The real engine, and all that tests need to look at sandboxes from outside and attack from
 * inside. Others use the same engine: what is made here carries a worker id of its own, and only
 * that is removed.
 */
final class EngineBench implements AutoCloseable {
  final String worker = "it-" + UUID.randomUUID();
  final String network = "zcbot-" + worker;
  final DockerClient docker;
  final DockerEngine engine;
  private final Path workspaces;
  private final Set<String> images = ConcurrentHashMap.newKeySet();
  private final Set<String> networks = ConcurrentHashMap.newKeySet();

  /** What a command said and how it ended. */
  record Outcome(long exitCode, String output) {}

  /** A started sandbox. */
  record Started(UserId user, String id, Path workspace) {}

  EngineBench(Path workspaces, Duration readyTimeout) {
    this.workspaces = workspaces;
    var config = DefaultDockerClientConfig.createDefaultConfigBuilder().build();
    this.docker =
        DockerClientImpl.getInstance(
            config,
            new ZerodepDockerHttpClient.Builder()
                .dockerHost(config.getDockerHost())
                .sslConfig(config.getSSLConfig())
                .build());
    this.engine =
        DockerEngine.fromEnvironment(
            new DockerEngineSettings(
                Duration.ofSeconds(60), readyTimeout, Duration.ofSeconds(20), 16),
            SandboxMetrics.NONE);
    networks.add(network);
  }

  /** Small limits, so that reaching them is quick. */
  SandboxSpec spec() {
    return new SandboxSpec(
        TestImage.NAME,
        null,
        256L << 20,
        0.5,
        64,
        16L << 20,
        network,
        List.of("203.0.113.7", "198.51.100.0/24"),
        List.of());
  }

  SandboxSpec withImage(String image) {
    SandboxSpec s = spec();
    return new SandboxSpec(
        image,
        null,
        s.memoryBytes(),
        s.cpus(),
        s.pids(),
        s.tmpBytes(),
        network,
        s.pgIps(),
        s.dns());
  }

  SandboxSpec withPgIps(String... pgIps) {
    SandboxSpec s = spec();
    return new SandboxSpec(
        s.image(),
        null,
        s.memoryBytes(),
        s.cpus(),
        s.pids(),
        s.tmpBytes(),
        network,
        List.of(pgIps),
        s.dns());
  }

  SandboxSpec withNetwork(String other) {
    networks.add(other);
    SandboxSpec s = spec();
    return new SandboxSpec(
        s.image(),
        null,
        s.memoryBytes(),
        s.cpus(),
        s.pids(),
        s.tmpBytes(),
        other,
        s.pgIps(),
        s.dns());
  }

  SandboxSpec withRuntime(String runtime) {
    SandboxSpec s = spec();
    return new SandboxSpec(
        s.image(),
        runtime,
        s.memoryBytes(),
        s.cpus(),
        s.pids(),
        s.tmpBytes(),
        network,
        s.pgIps(),
        s.dns());
  }

  static UserId user() {
    return new UserId(UUID.randomUUID());
  }

  /** A directory as the domain makes it: of uid 1000, mode 0700. */
  Path workspace(UserId user) throws IOException {
    Path workspace = workspaces.resolve(user.toString());
    Files.createDirectories(workspace);
    Files.setPosixFilePermissions(workspace, PosixFilePermissions.fromString("rwx------"));
    Files.setAttribute(workspace, "unix:uid", 1000);
    Files.setAttribute(workspace, "unix:gid", 1000);
    return workspace;
  }

  String create(SandboxSpec spec, UserId user) throws EngineException, IOException {
    return engine.create(spec, user, worker, workspace(user));
  }

  Started start(SandboxSpec spec) throws EngineException, IOException {
    UserId user = user();
    String id = create(spec, user);
    engine.start(id);
    return new Started(user, id, workspaces.resolve(user.toString()));
  }

  /** Runs a command as an agent would: as uid 1000. */
  Outcome attack(String containerId, String... command) throws InterruptedException {
    return run(containerId, "1000:1000", command);
  }

  Outcome bash(String containerId, String script) throws InterruptedException {
    return attack(containerId, "bash", "-c", script);
  }

  Outcome python(String containerId, String script) throws InterruptedException {
    return attack(containerId, "python3", "-c", script);
  }

  Outcome run(String containerId, String user, String... command) throws InterruptedException {
    String exec = exec(containerId, user, command);
    List<String> output = new CopyOnWriteArrayList<>();
    docker
        .execStartCmd(exec)
        .exec(
            new ResultCallback.Adapter<Frame>() {
              @Override
              public void onNext(Frame frame) {
                output.add(new String(frame.getPayload(), StandardCharsets.UTF_8));
              }
            })
        .awaitCompletion();
    return new Outcome(
        docker.inspectExecCmd(exec).exec().getExitCodeLong(), String.join("", output).strip());
  }

  /** Starts a command and does not wait for it. */
  void background(String containerId, String... command) throws InterruptedException {
    docker
        .execStartCmd(exec(containerId, "1000:1000", command))
        .withDetach(true)
        .exec(new ResultCallback.Adapter<>())
        .awaitCompletion();
  }

  private String exec(String containerId, String user, String... command) {
    return docker
        .execCreateCmd(containerId)
        .withUser(user)
        .withAttachStdout(true)
        .withAttachStderr(true)
        .withCmd(command)
        .exec()
        .getId();
  }

  /** Its end of the sandbox network. */
  ContainerNetwork attachment(String containerId) {
    Map<String, ContainerNetwork> networks =
        docker.inspectContainerCmd(containerId).exec().getNetworkSettings().getNetworks();
    return Objects.requireNonNull(networks.get(network));
  }

  /** An image of the sandbox's with something changed. */
  String image(Path directory, String... dockerfile) throws IOException {
    String tag = "zcbot-" + worker + ":" + images.size();
    images.add(tag);
    rebuild(directory, tag, dockerfile);
    return tag;
  }

  /** Gives an image's name to another image. */
  void rebuild(Path directory, String tag, String... dockerfile) throws IOException {
    Path file = directory.resolve("Dockerfile");
    Files.writeString(file, "FROM " + TestImage.NAME + "\n" + String.join("\n", dockerfile) + "\n");
    docker
        .buildImageCmd(file.toFile())
        .withTags(Set.of(tag))
        .withLabels(Map.of("zcbot.test", worker))
        .start()
        .awaitImageId();
  }

  /** One that lets sandboxes reach one another. */
  String openNetwork() {
    String name = "zcbot-open-" + worker;
    networks.add(name);
    try (CreateNetworkCmd command = docker.createNetworkCmd()) {
      command.withName(name).withDriver("bridge").exec();
    }
    return name;
  }

  void removeNetwork(String name) {
    docker.removeNetworkCmd(name).exec();
  }

  /** All of this test's. */
  List<com.github.dockerjava.api.model.Container> containers() {
    return docker
        .listContainersCmd()
        .withShowAll(true)
        .withLabelFilter(Map.of("zcbot.worker", worker))
        .exec();
  }

  @Override
  public void close() throws IOException {
    for (var container : containers()) {
      quietly(() -> docker.removeContainerCmd(container.getId()).withForce(true).exec());
    }
    networks.forEach(name -> quietly(() -> docker.removeNetworkCmd(name).exec()));
    images.forEach(tag -> quietly(() -> docker.removeImageCmd(tag).withForce(true).exec()));
    engine.close();
    docker.close();
  }

  private static void quietly(Runnable removal) {
    try {
      removal.run();
    } catch (DockerException e) {
      // gone already, or never made
    }
  }
}
