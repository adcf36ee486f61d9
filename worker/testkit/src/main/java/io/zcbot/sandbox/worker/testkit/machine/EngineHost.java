/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.machine;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.model.Container;
import com.github.dockerjava.core.DefaultDockerClientConfig;
import com.github.dockerjava.core.DockerClientImpl;
import com.github.dockerjava.zerodep.ZerodepDockerHttpClient;
import io.zcbot.sandbox.worker.docker.api.DockerEngineSettings;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A host: a separate container engine in a separate network namespace. What an earlier run left of
 * a host with this name is removed first.
 */
public final class EngineHost {
  private static final Duration START = Duration.ofSeconds(120);

  private final String name;
  private final String namespace;
  private final Path directory;
  private final List<String> command;
  private Process engine;
  private final DockerClient docker;

  private EngineHost(
      String name, String namespace, Path directory, List<String> command, Process engine) {
    this.command = command;
    this.name = name;
    this.namespace = namespace;
    this.directory = directory;
    this.engine = engine;
    var config =
        DefaultDockerClientConfig.createDefaultConfigBuilder()
            .withDockerHost("unix://" + directory.resolve("sock"))
            .withDockerTlsVerify(false)
            .build();
    this.docker =
        DockerClientImpl.getInstance(
            config,
            new ZerodepDockerHttpClient.Builder()
                .dockerHost(config.getDockerHost())
                .connectionTimeout(Duration.ofSeconds(2))
                .responseTimeout(Duration.ofSeconds(20))
                .build());
  }

  /**
   * Starts a host.
   *
   * @param image a file with the sandbox image
   * @param options of the engine's, on top of what makes it one of its own
   */
  public static EngineHost start(Path base, String name, Path image, String... options)
      throws IOException, InterruptedException {
    String namespace = "zcbot-" + name;
    Path directory = base.resolve(name);
    clear(namespace, directory);
    Files.createDirectories(directory);
    Commands.Result added = Commands.tryRun("ip", "netns", "add", namespace);
    if (added.exitCode() != 0) {
      throw new IOException(
          "tried to make a network namespace for a host, failed with '"
              + added.output().strip()
              + "'; the many-host tests need root, CAP_SYS_ADMIN and iproute2");
    }
    Path netns = Path.of("/var/run/netns", namespace);
    Commands.run("nsenter", "--net=" + netns, "ip", "link", "set", "lo", "up");
    // As where there is a default route: else a start waits for the kernel, not for the firewall.
    Commands.run("nsenter", "--net=" + netns, "ip", "route", "add", "169.254.169.254", "dev", "lo");
    List<String> command = command(namespace, directory, options);
    Process engine = launch(directory, command);
    EngineHost host = new EngineHost(name, namespace, directory, command, engine);
    try {
      host.awaitEngine();
      Commands.run("docker", "-H", host.address(), "load", "-q", "-i", image.toString());
      return host;
    } catch (IOException | InterruptedException | RuntimeException e) {
      host.close();
      throw e;
    }
  }

  private static List<String> command(String namespace, Path directory, String... options) {
    List<String> command =
        new ArrayList<>(
            List.of(
                // Where bin/lib/dockerd.sh found that engines need a cgroup of their own.
                "sh",
                "-c",
                "[ ! -d /sys/fs/cgroup/dockerd ] || echo 0 >/sys/fs/cgroup/dockerd/cgroup.procs;"
                    + " exec \"$@\"",
                "sh",
                "nsenter",
                "--net=/var/run/netns/" + namespace,
                "dockerd",
                "--data-root=" + directory.resolve("data"),
                "--exec-root=" + directory.resolve("exec"),
                "--pidfile=" + directory.resolve("pid"),
                "--host=unix://" + directory.resolve("sock"),
                // Where a containerd of the system runs, engines share it, but not their
                // containers.
                "--containerd-namespace=" + namespace,
                "--containerd-plugins-namespace=" + namespace + "-plugins"));
    command.addAll(List.of(options));
    return List.copyOf(command);
  }

  private static Process launch(Path directory, List<String> command) throws IOException {
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectInput(Path.of("/dev/null").toFile())
        .redirectOutput(ProcessBuilder.Redirect.appendTo(directory.resolve("engine.log").toFile()))
        .start();
  }

  /** Stops the engine and starts it again. */
  public void restart() throws IOException, InterruptedException {
    engine.destroy();
    if (!engine.waitFor(120, TimeUnit.SECONDS)) {
      throw new IOException("the engine of " + name + " did not stop within 120 s");
    }
    engine = launch(directory, command);
    awaitEngine();
  }

  /** The processor time that the engine itself has used. */
  public Duration processorTime() throws IOException {
    String id = Files.readString(directory.resolve("pid")).strip();
    String stat = Files.readString(Path.of("/proc", id, "stat"));
    String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
    return Duration.ofMillis(10 * (Long.parseLong(fields[11]) + Long.parseLong(fields[12])));
  }

  /** The name of its network namespace for {@code ip netns}. */
  public String namespace() {
    return namespace;
  }

  /** Writes the default engine's sandbox and firewall images to a file. */
  public static void saveImage(Path file) throws IOException, InterruptedException {
    Commands.Result saved =
        Commands.tryRun(
            "docker",
            "save",
            SandboxImage.NAME,
            DockerEngineSettings.FIREWALL_IMAGE,
            DockerEngineSettings.EGRESS_IMAGE,
            "-o",
            file.toString());
    if (saved.exitCode() != 0) {
      throw new IOException(
          "tried to take "
              + SandboxImage.NAME
              + " from the default engine, failed with "
              + saved.output());
    }
  }

  private void awaitEngine() throws IOException, InterruptedException {
    long deadline = System.nanoTime() + START.toNanos();
    while (true) {
      try {
        docker.pingCmd().exec();
        return;
      } catch (RuntimeException e) {
        if (!engine.isAlive() || System.nanoTime() > deadline) {
          List<String> log = Files.readAllLines(directory.resolve("engine.log"));
          throw new IOException(
              "tried to start an engine in network namespace "
                  + namespace
                  + ", failed; the end of its log (iptables must work in a namespace):\n"
                  + String.join("\n", log.subList(Math.max(0, log.size() - 15), log.size())),
              e);
        }
        TimeUnit.MILLISECONDS.sleep(100);
      }
    }
  }

  public String name() {
    return name;
  }

  public String address() {
    return "unix://" + directory.resolve("sock");
  }

  public DockerClient docker() {
    return docker;
  }

  /** Freezes the engine's process, as a machine under pressure might. Containers run on. */
  public void freeze() throws IOException, InterruptedException {
    Commands.signal(engine.pid(), "STOP");
  }

  public void thaw() throws IOException, InterruptedException {
    Commands.signal(engine.pid(), "CONT");
  }

  /** All sandboxes of workers whose id has this prefix. */
  public List<Container> sandboxes(String workerPrefix) {
    return docker
        .listContainersCmd()
        .withShowAll(true)
        .withLabelFilter(Map.of("zcbot.product", "sandbox"))
        .exec()
        .stream()
        .filter(c -> c.getLabels().getOrDefault("zcbot.worker", "").startsWith(workerPrefix))
        .toList();
  }

  public void close() throws IOException, InterruptedException {
    docker.close();
    thaw();
    engine.destroy(); // SIGTERM: the engine stops its containers and its containerd
    if (!engine.waitFor(30, TimeUnit.SECONDS)) {
      engine.destroyForcibly().waitFor();
    }
    clear(namespace, directory);
  }

  /**
   * Ends the processes that still run from this directory, and removes the directory and the
   * namespace.
   */
  private static void clear(String namespace, Path directory)
      throws IOException, InterruptedException {
    for (int round = 0; round < 3; round++) {
      List<ProcessHandle> left =
          ProcessHandle.allProcesses().filter(p -> belongsTo(p, directory)).toList();
      left.forEach(ProcessHandle::destroyForcibly);
      if (left.isEmpty()) {
        break;
      }
      TimeUnit.MILLISECONDS.sleep(300);
    }
    if (Files.exists(Path.of("/var/run/netns", namespace))) {
      // The first processes of containers whose shims were killed.
      for (String pid : Commands.tryRun("ip", "netns", "pids", namespace).output().split("\\s+")) {
        if (pid.matches("\\d+")) {
          ProcessHandle.of(Long.parseLong(pid)).ifPresent(ProcessHandle::destroyForcibly);
        }
      }
    }
    String inside = directory + "/";
    List<String> mounts;
    try (Stream<String> lines = Files.lines(Path.of("/proc/self/mounts"))) {
      mounts =
          lines
              .map(line -> line.split(" ")[1])
              .filter(mount -> mount.startsWith(inside))
              .toList()
              .reversed();
    }
    for (String mount : mounts) {
      Commands.tryRun("umount", "-l", mount);
    }
    if (Files.exists(Path.of("/var/run/netns", namespace))) {
      Commands.tryRun("ip", "netns", "del", namespace);
    }
    if (Files.exists(directory)) {
      Commands.run("rm", "-rf", "--one-file-system", directory.toString());
    }
  }

  /** Whether a process is the engine, its containerd or a shim: all name a path of the host. */
  private static boolean belongsTo(ProcessHandle process, Path directory) {
    Optional<String> command = process.info().command();
    return command.isPresent()
        && command.get().matches(".*/(dockerd|containerd|containerd-shim-runc-v2|docker-proxy)")
        && commandLine(process.pid()).contains(directory + "/");
  }

  public static String commandLine(long pid) {
    try {
      return new String(Files.readAllBytes(Path.of("/proc/" + pid + "/cmdline")))
          .replace('\0', ' ');
    } catch (IOException _) {
      return "";
    }
  }
}
