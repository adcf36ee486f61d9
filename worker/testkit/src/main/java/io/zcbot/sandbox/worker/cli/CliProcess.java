/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

/** Runs command lines in a separate process, which gets signals and may have a terminal. */
final class CliProcess {
  private CliProcess() {}

  /** What runs the command line that follows. */
  static List<String> java() {
    return List.of(
        Path.of(System.getProperty("java.home"), "bin", "java").toString(),
        "-cp",
        System.getProperty("java.class.path"),
        "-XX:TieredStopAtLevel=1",
        Main.class.getName());
  }

  /** Starts a command line that is ended at a deadline, because a read has none. */
  static Process start(Map<String, String> settings, int seconds, String... command)
      throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().keySet().removeIf(key -> key.startsWith("ZCBOT_"));
    // A person is told after some seconds that Kafka does not answer; this machine may be that
    // slow.
    builder.environment().put("ZCBOT_KAFKA_DEFAULT_API_TIMEOUT_MS", "60000");
    builder.environment().put("SHELL", "/bin/sh"); // of the lines that script(1) runs
    builder.environment().putAll(settings);
    Process process = builder.start();
    CompletableFuture.delayedExecutor(seconds, TimeUnit.SECONDS)
        .execute(
            () -> {
              process.descendants().forEach(ProcessHandle::destroyForcibly);
              process.destroyForcibly();
            });
    return process;
  }

  /** Sends a signal by the shell's own kill, since not every machine has the program. */
  static void signal(Process process, String name) throws IOException, InterruptedException {
    new ProcessBuilder("sh", "-c", "kill -" + name + " " + process.pid()).start().waitFor();
  }

  static String read(Process process, String until) throws IOException {
    StringBuilder text = new StringBuilder();
    while (text.indexOf(until) < 0) {
      int c = process.getInputStream().read();
      if (c < 0) {
        throw new IOException("«" + until + "» did not come, but: " + text);
      }
      text.append((char) c);
    }
    return text.toString();
  }

  static void type(Process process, String keys) throws IOException {
    process.getOutputStream().write(keys.getBytes(StandardCharsets.UTF_8));
    process.getOutputStream().flush();
  }
}
