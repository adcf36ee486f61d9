/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.Closeable;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * A container of the worker's image, which may do what {@code compose.warm.yaml} lets it do. It is
 * in the host's network, since the broker of the measurements listens on the loopback only.
 */
final class WorkerContainer implements Closeable {
  private final String image = System.getProperty("zcbot.worker-image");
  private final String name;
  private final String label;
  private final Path workspaces;

  private WorkerContainer(Setting setting) throws IOException {
    this.name = "zcbot-" + setting.id() + "-worker";
    this.label = "zcbot.bench=" + setting.id();
    this.workspaces = setting.workspaces("worker");
  }

  /** Has the workspaces in a shared mount, where the engine sees what the container mounts. */
  static WorkerContainer prepare(Setting setting) throws IOException {
    WorkerContainer container = new WorkerContainer(setting);
    container.share();
    return container;
  }

  private void share() throws IOException {
    run(
        "docker",
        "run",
        "--rm",
        "--label=" + label,
        "--privileged",
        "--pid=host",
        "--network=none",
        "--entrypoint=/opt/zcbot/share-workspaces.sh",
        image,
        workspaces.toString());
  }

  Child start(Map<String, String> env, Path log) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                "docker",
                "run",
                "--rm",
                "--name=" + name,
                "--label=" + label,
                "--network=host",
                "--read-only",
                "--tmpfs=/tmp",
                "--cap-drop=ALL",
                "--security-opt=no-new-privileges:true",
                "--security-opt=apparmor=unconfined",
                "--memory=1g",
                "--volume=/var/run/docker.sock:/var/run/docker.sock",
                "--mount=type=bind,bind-propagation=rshared,source="
                    + workspaces
                    + ",target="
                    + workspaces));
    for (String capability : List.of("CHOWN", "FOWNER", "SYS_ADMIN", "SETUID", "SETGID")) {
      command.add("--cap-add=" + capability);
    }
    env.forEach((key, value) -> command.add("--env=" + key + "=" + value));
    command.add(image);
    return Child.start(command, Map.of(), log);
  }

  /** The container's first process. */
  ProcessHandle jvm() throws IOException {
    String pid = run("docker", "inspect", "--format={{.State.Pid}}", name);
    return ProcessHandle.of(Long.parseLong(pid)).orElseThrow();
  }

  private static String run(String... command) throws IOException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output = new String(process.getInputStream().readAllBytes(), UTF_8).strip();
    try {
      if (!process.waitFor(1, TimeUnit.MINUTES) || process.exitValue() != 0) {
        throw new IOException(String.join(" ", command) + ": " + output);
      }
      return output;
    } catch (InterruptedException e) {
      throw (IOException) new InterruptedIOException(String.join(" ", command)).initCause(e);
    } finally {
      process.destroyForcibly();
    }
  }

  /** Ends what {@link #prepare} began, so that the directory can be removed. */
  @Override
  public void close() throws IOException {
    run("sh", "-c", "! mountpoint -q \"$0\" || umount --recursive \"$0\"", workspaces.toString());
  }
}
