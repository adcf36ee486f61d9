/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * An engine that has gVisor, in a network namespace of its own, so that the machine's engine stays
 * as it is.
 */
final class GvisorHost implements AutoCloseable {
  static final String RUNTIME = "runsc";

  private static final Path RUNSC = Path.of("/usr/bin/runsc");
  private static final String IMAGE = "zcbot-sandbox:latest";
  private static final int PATIENCE_SECONDS = 60;

  private final String namespace;
  private final Path directory;
  private final Process engine;
  private final Thread atExit = new Thread(this::stop);

  private GvisorHost(String namespace, Path directory, Process engine) {
    this.namespace = namespace;
    this.directory = directory;
    this.engine = engine;
  }

  /** What it takes that this machine does not have; null if there is nothing. */
  static String missing() throws IOException {
    if (!Files.isExecutable(RUNSC)) {
      return "runsc is not installed";
    }
    if ((int) Files.getAttribute(Path.of("/proc/self"), "unix:uid") != 0) {
      return "an engine of its own takes root";
    }
    return Files.isExecutable(Path.of("/usr/sbin/ip")) || Files.isExecutable(Path.of("/sbin/ip"))
        ? null
        : "the command ip is not installed";
  }

  /** Starts one that has the sandbox image. */
  static GvisorHost start(Setting setting) throws IOException, InterruptedException {
    String namespace = "zcbot-" + setting.id();
    Path directory = Files.createDirectories(Path.of("/var/tmp", namespace));
    // The host's sockets: gVisor's own network stack does not start on every kernel.
    Path config =
        Files.writeString(
            directory.resolve("daemon.json"),
            """
            {"runtimes": {"%s": {"path": "%s",
             "runtimeArgs": ["--platform=systrap", "--network=host"]}}}"""
                .formatted(RUNTIME, RUNSC));
    run("ip", "netns", "add", namespace);
    run("ip", "-n", namespace, "link", "set", "lo", "up");
    Process engine =
        new ProcessBuilder(
                "sh",
                "-c",
                // Where bin/lib/dockerd.sh found that engines need a cgroup of their own.
                "[ ! -d /sys/fs/cgroup/dockerd ] || echo 0 >/sys/fs/cgroup/dockerd/cgroup.procs;"
                    + " exec \"$@\"",
                "sh",
                "nsenter",
                "--net=/var/run/netns/" + namespace,
                "dockerd",
                "--config-file=" + config,
                "--data-root=" + directory.resolve("data"),
                "--exec-root=" + directory.resolve("exec"),
                "--pidfile=" + directory.resolve("pid"),
                "--host=unix://" + directory.resolve("sock"),
                "--containerd-namespace=" + namespace,
                "--containerd-plugins-namespace=" + namespace + "-plugins")
            .redirectErrorStream(true)
            .redirectInput(Path.of("/dev/null").toFile())
            .redirectOutput(directory.resolve("engine.log").toFile())
            .start();
    GvisorHost host = new GvisorHost(namespace, directory, engine);
    Runtime.getRuntime().addShutdownHook(host.atExit);
    try {
      host.awaitEngine();
      Path image = directory.resolve("image.tar");
      run("docker", "save", IMAGE, "-o", image.toString());
      run("docker", "-H", host.address(), "load", "-q", "-i", image.toString());
      Files.delete(image);
      return host;
    } catch (IOException | InterruptedException | RuntimeException e) {
      host.close();
      throw e;
    }
  }

  private void awaitEngine() throws IOException, InterruptedException {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(PATIENCE_SECONDS);
    while (exitCode("docker", "-H", address(), "version") != 0) {
      if (!engine.isAlive() || System.nanoTime() > deadline) {
        throw new IOException(
            "the engine with gVisor did not start: "
                + Files.readString(directory.resolve("engine.log")));
      }
      Thread.sleep(100);
    }
  }

  String address() {
    return "unix://" + directory.resolve("sock");
  }

  /** Its client, as a command. */
  List<String> docker(String... arguments) {
    List<String> command = new ArrayList<>(List.of("docker", "-H", address()));
    command.addAll(List.of(arguments));
    return command;
  }

  private static void run(String... command) throws IOException, InterruptedException {
    int code = exitCode(command);
    if (code != 0) {
      throw new IOException(String.join(" ", command) + " ended with " + code);
    }
  }

  private static int exitCode(String... command) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    if (!process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
      process.destroyForcibly();
      throw new IOException(String.join(" ", command) + " does not end");
    }
    return process.exitValue();
  }

  /** The engine stops its containers and its containerd. */
  private void stop() {
    try {
      engine.destroy();
      if (!engine.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
        engine.destroyForcibly();
      }
      exitCode("ip", "netns", "del", namespace);
      exitCode("rm", "-rf", "--one-file-system", directory.toString());
    } catch (IOException e) {
      System.err.println("the engine with gVisor was not cleared away: " + e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    stop();
    Runtime.getRuntime().removeShutdownHook(atExit);
  }
}
