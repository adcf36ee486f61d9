/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.runner;

import io.zcbot.sandbox.worker.testkit.machine.Commands;
import io.zcbot.sandbox.worker.testkit.machine.Execs;
import io.zcbot.sandbox.worker.testkit.machine.SandboxImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;

/** A container of the sandbox image, with a sandbox's limits, in which runners run. */
final class RunnerContainer implements AutoCloseable {
  /** Where the runner is. */
  enum Place {
    FIRST_PROCESS,
    EXEC,
    /** The first process has the runner's uid, but must not be killed. */
    EXEC_BESIDE_SAME_USER
  }

  private final Place place;
  private final String name = "zcbot-runner-" + UUID.randomUUID();

  RunnerContainer(Place place) throws IOException, InterruptedException {
    this(place, List.of(SandboxImage.NAME, "ZCBOT_EGRESS=none"));
  }

  /**
   * A container of another image.
   *
   * @param image and arguments of its entry point
   */
  RunnerContainer(Place place, List<String> image) throws IOException, InterruptedException {
    this.place = place;
    List<String> command =
        new ArrayList<>(
            List.of("docker", "run", "-d", "-i", "--name", name, "--log-driver", "none"));
    command.addAll(
        List.of("--network", "none", "--read-only", "--cap-drop", "ALL", "--pids-limit", "256"));
    command.addAll(List.of("--security-opt", "no-new-privileges", "--memory", "512m"));
    command.addAll(List.of("--tmpfs", "/tmp", "--tmpfs", "/workspace:exec,uid=1000,mode=700"));
    command.addAll(
        switch (place) {
          case FIRST_PROCESS -> List.of("-u", "1000:1000");
          case EXEC -> List.of("-u", "0:0", "--init");
          case EXEC_BESIDE_SAME_USER -> List.of("-u", "1000:1000", "--init");
        });
    command.addAll(image);
    Commands.run(command.toArray(String[]::new));
  }

  /**
   * Attaches to the container's runner and resets it; retries once if the engine did not start it.
   */
  RunnerLink attach() throws IOException, InterruptedException {
    try {
      return attachOnce();
    } catch (AssertionError e) {
      if (!String.valueOf(e.getMessage()).contains(Execs.NEVER_BEGAN)) {
        throw e;
      }
      System.out.println("a runner never began, it is tried once more: " + e.getMessage());
      return attachOnce();
    }
  }

  private RunnerLink attachOnce() throws IOException, InterruptedException {
    ProcessBuilder builder =
        place == Place.FIRST_PROCESS
            ? new ProcessBuilder("docker", "attach", "--sig-proxy=false", name)
            : new ProcessBuilder(
                "docker",
                "exec",
                "-i",
                "-u",
                "1000:1000",
                name,
                "/usr/local/lib/zcbot/zcbot-runner-exec");
    return new RunnerLink(builder.start());
  }

  /** Runs a script in the container beside the runner, as the engine does. */
  String exec(String user, String script) throws IOException, InterruptedException {
    return Commands.tryRun("docker", "exec", "-u", user, name, "bash", "-c", script)
        .output()
        .strip();
  }

  /** Lets the container use one of the processors of this process, or all of them. */
  void onOneProcessor(boolean one) throws IOException, InterruptedException {
    String all =
        Files.readAllLines(Path.of("/proc/self/status")).stream()
            .filter(line -> line.startsWith("Cpus_allowed_list:"))
            .map(line -> line.split("\\s+")[1])
            .findFirst()
            .orElseThrow();
    Commands.run("docker", "update", "--cpuset-cpus", one ? all.split("[-,]")[0] : all, name);
  }

  boolean isRunning() throws IOException, InterruptedException {
    return Commands.run("docker", "inspect", "-f", "{{.State.Running}}", name)
        .strip()
        .equals("true");
  }

  /** Stops it as an operator does; returns how long that took. */
  long stopMillis() throws IOException, InterruptedException {
    long start = System.nanoTime();
    Commands.run("docker", "stop", "-t", "20", name);
    return (System.nanoTime() - start) / 1_000_000;
  }

  @Override
  public void close() throws IOException {
    try {
      Commands.tryRun("docker", "rm", "-f", name);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
