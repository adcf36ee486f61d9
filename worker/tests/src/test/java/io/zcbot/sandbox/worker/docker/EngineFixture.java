/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.command.CreateNetworkCmd;
import com.github.dockerjava.api.command.InspectContainerResponse;
import com.github.dockerjava.api.exception.DockerException;
import com.github.dockerjava.api.exception.InternalServerErrorException;
import com.github.dockerjava.api.exception.NotFoundException;
import com.github.dockerjava.api.model.ContainerNetwork;
import com.github.dockerjava.core.DefaultDockerClientConfig;
import com.github.dockerjava.core.DockerClientConfig;
import com.github.dockerjava.core.DockerClientImpl;
import com.github.dockerjava.zerodep.ZerodepDockerHttpClient;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.docker.api.DockerEngineSettings;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.mounts.IdMaps;
import io.zcbot.sandbox.worker.mounts.MappedWorkspaces;
import io.zcbot.sandbox.worker.mounts.WorkspaceMount;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.sandbox.WorkspaceViews;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.ResourceLimits;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.spec.SandboxUids;
import io.zcbot.sandbox.worker.testkit.machine.Commands;
import io.zcbot.sandbox.worker.testkit.machine.Execs;
import io.zcbot.sandbox.worker.testkit.machine.Execs.Outcome;
import io.zcbot.sandbox.worker.testkit.machine.SandboxImage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * The real engine, and everything that tests need to look at sandboxes from outside and attack from
 * inside. Others use the same engine, so everything made here has its own worker id, and nothing
 * else is removed.
 */
public final class EngineFixture implements AutoCloseable {
  public final String worker = "it-" + UUID.randomUUID();
  public final String network = "zcbot-" + worker;
  public final DockerClient docker;
  public final DockerEngine engine;
  Workspaces.Owner owner = Workspaces.Owner.UNMAPPED;

  /** Uids that nobody on this machine has. */
  public static final SandboxUids OWN_UIDS = new SandboxUids(70_000, 74_095);

  /** The uids of sandboxes without rules inside; to be set before the first sandbox. */
  public SandboxUids uids = SandboxUids.SHARED;

  /** What modified images are built from; to be set before the first. */
  public String base = SandboxImage.NAME;

  private final Execs execs;
  private final Path workspaces;
  private @Nullable WorkspaceMount mount;
  private @Nullable IdMaps maps;
  private final Map<SandboxSpec, DockerSandboxes> sandboxes = new ConcurrentHashMap<>();
  private final Map<String, SandboxSpec> made = new ConcurrentHashMap<>();
  private final Set<String> images = ConcurrentHashMap.newKeySet();
  private final Set<String> networks = ConcurrentHashMap.newKeySet();

  private static final int UUID_LENGTH = 36;

  /** A started sandbox. */
  public record Started(UserId user, String id, Path workspace) {}

  public EngineFixture(Path workspaces, Duration readyTimeout) {
    this(DefaultDockerClientConfig.createDefaultConfigBuilder().build(), workspaces, readyTimeout);
  }

  /** Uses the engine at this address. */
  public static EngineFixture at(String address, Path workspaces) {
    return new EngineFixture(
        DefaultDockerClientConfig.createDefaultConfigBuilder()
            .withDockerHost(address)
            .withDockerTlsVerify(false)
            .build(),
        workspaces,
        Duration.ofSeconds(60));
  }

  private EngineFixture(DockerClientConfig config, Path workspaces, Duration readyTimeout) {
    this.workspaces = workspaces;
    this.docker =
        DockerClientImpl.getInstance(
            config,
            new ZerodepDockerHttpClient.Builder()
                .dockerHost(config.getDockerHost())
                .sslConfig(config.getSSLConfig())
                .build());
    this.execs = new Execs(docker);
    this.engine = new DockerEngine(config, worker, settings(readyTimeout), SandboxMetrics.NONE);
    networks.add(network);
  }

  /** The adapter's settings in tests. */
  static DockerEngineSettings settings(Duration readyTimeout) {
    return new DockerEngineSettings(
        Duration.ofSeconds(60),
        readyTimeout,
        Duration.ofSeconds(20),
        Duration.ofSeconds(30),
        16,
        SandboxImage.FIREWALL,
        SandboxImage.EGRESS,
        SandboxImage.NAME);
  }

  /** Small limits, so that reaching them is quick. */
  public SandboxSpec spec() {
    return spec(SandboxImage.NAME, null, network, policy(FirewallMode.HOST));
  }

  public static NetworkPolicy policy(FirewallMode firewall) {
    return new NetworkPolicy(
        firewall,
        new Egress.Public(),
        new Dns.EngineDefault(),
        List.of("203.0.113.7", "198.51.100.0/24"));
  }

  static NetworkPolicy policy(FirewallMode firewall, Egress egress, Dns dns) {
    return new NetworkPolicy(firewall, egress, dns, List.of("203.0.113.7"));
  }

  public SandboxSpec withImage(String image) {
    return withImage(image, FirewallMode.HOST);
  }

  SandboxSpec withImage(String image, FirewallMode firewall) {
    return spec(image, null, network, policy(firewall));
  }

  public SandboxSpec withPolicy(NetworkPolicy policy) {
    return spec(SandboxImage.NAME, null, network, policy);
  }

  SandboxSpec withPgIps(FirewallMode firewall, String... pgIps) {
    return withPolicy(
        new NetworkPolicy(firewall, new Egress.Public(), new Dns.EngineDefault(), List.of(pgIps)));
  }

  SandboxSpec withNetwork(String other) {
    networks.add(other);
    return spec(SandboxImage.NAME, null, other, policy(FirewallMode.HOST));
  }

  SandboxSpec withRuntime(String runtime, NetworkPolicy policy) {
    return spec(SandboxImage.NAME, runtime, network, policy);
  }

  private static SandboxSpec spec(
      String image, @Nullable String runtime, String network, NetworkPolicy policy) {
    return new SandboxSpec(
        image,
        runtime,
        new ResourceLimits(256L << 20, 0.5, 64, 16L << 20, null, null),
        network,
        policy);
  }

  public static UserId user() {
    return new UserId(UUID.randomUUID());
  }

  /** A directory as the domain makes it: owned by the sandbox user, mode 0700. */
  public Path workspace(UserId user) throws IOException {
    Path workspace = workspaces.resolve(user.toString());
    Files.createDirectories(workspace);
    Files.setPosixFilePermissions(workspace, PosixFilePermissions.fromString("rwx------"));
    Files.setAttribute(workspace, "unix:uid", owner.uid());
    Files.setAttribute(workspace, "unix:gid", owner.gid());
    return workspace;
  }

  /** Makes a container; retries once if a helper that sets the host's rules never began. */
  public String create(SandboxSpec spec, UserId user) throws EngineException, IOException {
    String id;
    try {
      id = sandboxes(spec).create(user, workspace(user));
    } catch (EngineException e) {
      if (!String.valueOf(e.getMessage()).contains(Execs.NEVER_BEGAN)) {
        throw e;
      }
      System.out.println("a helper never began, it is tried once more: " + e.getMessage());
      id = sandboxes(spec).create(user, workspace(user));
    }
    made.put(id, spec);
    return id;
  }

  /** Sandboxes with a spec; the same object for the same spec. */
  public DockerSandboxes sandboxes(SandboxSpec spec) {
    return sandboxes.computeIfAbsent(
        spec,
        wanted ->
            engine.sandboxes(wanted, wanted.policy().rulesInSandbox() ? SandboxUids.SHARED : uids));
  }

  /** Sandboxes of the spec of {@link #spec()}. */
  public DockerSandboxes sandboxes() {
    return sandboxes(spec());
  }

  /** Starts a user's container, whatever its spec. */
  public void start(String id) throws EngineException, IOException {
    DockerSandboxes by = sandboxes(made.getOrDefault(id, spec()));
    InspectContainerResponse container;
    try {
      container = docker.inspectContainerCmd(id).exec();
    } catch (NotFoundException e) {
      by.start(id); // which fails in its own way
      return;
    }
    String uid = String.valueOf(container.getConfig().getUser()).split(":", 2)[0];
    String name = container.getName();
    int own = uid.matches("[1-9][0-9]*") ? Integer.parseInt(uid) : Workspaces.SANDBOX_ID;
    if (own == Workspaces.SANDBOX_ID) {
      by.start(id);
      return;
    }
    try (var _ = views().show(UserId.parse(name.substring(name.length() - UUID_LENGTH)), own)) {
      by.start(id);
    }
  }

  /** The views that make workspaces appear as the sandboxes' own. */
  public synchronized WorkspaceViews views() {
    return new MappedWorkspaces(mount(), maps(), worker);
  }

  /** The directory of the workspaces. */
  public synchronized WorkspaceMount mount() {
    if (mount == null) {
      try {
        mount = WorkspaceMount.prepare(workspaces);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      assertThat(mount.problem()).as("why nothing can be mounted").isNull();
    }
    return mount;
  }

  /** How sandboxes' users see the owner of the workspaces. */
  public synchronized IdMaps maps() {
    if (maps == null) {
      maps = new IdMaps(owner, true);
    }
    return maps;
  }

  /** The user that commands of a container run as. */
  public String agent(String containerId) {
    return execs.agent(containerId);
  }

  public Started start(SandboxSpec spec) throws EngineException, IOException {
    UserId user = user();
    String id = create(spec, user);
    start(id);
    return new Started(user, id, workspaces.resolve(user.toString()));
  }

  /** Runs a command as an agent would: as the sandbox's user. */
  public Outcome attack(String containerId, String... command) throws InterruptedException {
    return run(containerId, agent(containerId), command);
  }

  public Outcome bash(String containerId, String script) throws InterruptedException {
    return attack(containerId, "bash", "-c", script);
  }

  public Outcome python(String containerId, String script) throws InterruptedException {
    return attack(containerId, "python3", "-c", script);
  }

  /** Starts a container that a test created; retries once if runc's own first process died. */
  public void startContainer(String container) {
    try {
      docker.startContainerCmd(container).exec();
    } catch (InternalServerErrorException e) {
      if (!String.valueOf(e.getMessage()).contains(Execs.NEVER_BEGAN)) {
        throw e;
      }
      System.out.println("a container never began, it is started once more: " + e.getMessage());
      docker.startContainerCmd(container).exec();
    }
  }

  /** Runs a command as any user of the container. */
  public Outcome run(String containerId, @Nullable String user, String... command)
      throws InterruptedException {
    return execs.run(containerId, user, command);
  }

  /** Starts a command and does not wait for it. */
  public void background(String containerId, String... command) throws InterruptedException {
    execs.background(containerId, command);
  }

  /** Runs a program of the host in the network namespace of a container. */
  public String inNamespace(String containerId, String... command)
      throws IOException, InterruptedException {
    List<String> words = new ArrayList<>(List.of("nsenter", "-n", "-t"));
    words.add("" + docker.inspectContainerCmd(containerId).exec().getState().getPidLong());
    words.addAll(List.of(command));
    return Commands.run(words.toArray(String[]::new));
  }

  /** The port at 127.0.0.11 on which the engine itself answers in a container's namespace. */
  public int engineResolver(String containerId) throws IOException, InterruptedException {
    return inNamespace(containerId, "cat", "/proc/net/udp")
        .lines()
        .map(String::strip)
        .filter(line -> line.contains(": 0B00007F:"))
        .map(line -> Integer.parseInt(line.split(":")[2].substring(0, 4), 16))
        .findFirst()
        .orElseThrow();
  }

  /** A container's end of the sandbox network. */
  public ContainerNetwork attachment(String containerId) {
    Map<String, ContainerNetwork> networks =
        docker.inspectContainerCmd(containerId).exec().getNetworkSettings().getNetworks();
    return Objects.requireNonNull(networks.get(network));
  }

  /** A modified image of the sandboxes. */
  public String image(Path directory, String... dockerfile) throws IOException {
    String tag = "zcbot-" + worker + ":" + images.size();
    images.add(tag);
    rebuild(directory, tag, dockerfile);
    return tag;
  }

  /** Gives an image's name to another image. */
  void rebuild(Path directory, String tag, String... dockerfile) throws IOException {
    Path file = directory.resolve("Dockerfile");
    // Each line costs the engine a container, and who does nothing need not be root for it.
    boolean asRoot =
        Arrays.stream(dockerfile)
            .flatMap(String::lines)
            .anyMatch(line -> !line.matches("(ENTRYPOINT|USER|HEALTHCHECK|LABEL|CMD|ENV) .*"));
    // the label comes first: a layer that others have as well may be removed with their image. A
    // name that
    // begins with zcbot. is reserved for workers
    Files.writeString(
        file,
        """
        FROM %s
        LABEL test=%s
        %s%s
        """
            .formatted(base, worker, asRoot ? "USER 0:0\n" : "", String.join("\n", dockerfile)));
    docker.buildImageCmd(file.toFile()).withTags(Set.of(tag)).start().awaitImageId();
  }

  /** A network that lets sandboxes reach one another. */
  public String openNetwork() {
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

  /** This test's sandboxes and slots. */
  public List<com.github.dockerjava.api.model.Container> containers() {
    return withHelpers().stream()
        .filter(
            each ->
                !Set.of("sandbox-firewall", "sandbox-egress")
                    .contains(String.valueOf(each.getLabels().get("zcbot.product"))))
        .toList();
  }

  private List<com.github.dockerjava.api.model.Container> withHelpers() {
    return docker
        .listContainersCmd()
        .withShowAll(true)
        .withLabelFilter(Map.of("zcbot.worker", worker))
        .exec();
  }

  /** Removes all containers of this test. */
  void removeContainers() {
    for (var container : withHelpers()) {
      quietly(() -> docker.removeContainerCmd(container.getId()).withForce(true).exec());
    }
  }

  @Override
  public void close() throws IOException {
    removeContainers();
    networks.forEach(name -> quietly(() -> docker.removeNetworkCmd(name).exec()));
    images.forEach(tag -> quietly(() -> docker.removeImageCmd(tag).withForce(true).exec()));
    engine.close();
    docker.close();
    if (mount != null) {
      mount.close();
    }
    if (maps != null) {
      maps.close();
    }
  }

  private static void quietly(Runnable removal) {
    try {
      removal.run();
    } catch (DockerException e) {
      // gone already, or never made
    }
  }
}
