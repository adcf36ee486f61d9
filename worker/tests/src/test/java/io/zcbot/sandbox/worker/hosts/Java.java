/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.hosts;

import io.zcbot.sandbox.worker.testkit.deployment.WorkerProcess;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/** Starts programs of this build's class path in separate processes. */
final class Java {
  private static final Set<Process> STARTED = ConcurrentHashMap.newKeySet();

  private Java() {}

  static Process start(
      String mainClass, List<String> options, List<String> args, Map<String, String> env, Path log)
      throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("-XX:+UseSerialGC");
    command.add("-XX:TieredStopAtLevel=1");
    command.add("-Xshare:auto");
    command.add("--enable-native-access=ALL-UNNAMED");
    command.add("--sun-misc-unsafe-memory-access=allow");
    command.addAll(options);
    command.add("-cp");
    command.add(WorkerProcess.classPath());
    command.add(mainClass);
    command.addAll(args);
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().keySet().removeIf(key -> key.startsWith("ZCBOT_"));
    builder.environment().putAll(env);
    Process process =
        builder
            .redirectErrorStream(true)
            .redirectInput(Path.of("/dev/null").toFile())
            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
            .start();
    STARTED.add(process);
    process.onExit().thenAccept(STARTED::remove);
    return process;
  }

  /** Kills all started programs, so that they do not outlive an interrupted run. */
  static void killAll() {
    STARTED.forEach(Process::destroyForcibly);
  }
}
