/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.machine;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Runs this machine's programs. */
public final class Commands {
  private Commands() {}

  /** Runs a command to its end and returns its output; if it fails, the test fails. */
  public static String run(String... command) throws IOException, InterruptedException {
    Result result = tryRun(command);
    if (result.exitCode != 0) {
      throw new IOException(
          "tried '" + String.join(" ", command) + "', failed with " + result.output.strip());
    }
    return result.output;
  }

  /** The exit code, and the text of both outputs. */
  public record Result(int exitCode, String output) {}

  /** Runs a command to its end, whatever that is. */
  public static Result tryRun(String... command) throws IOException, InterruptedException {
    return tryRun(new ProcessBuilder(command), Duration.ofSeconds(300));
  }

  /** Runs a command to its end, whatever that is. */
  public static Result tryRun(ProcessBuilder command, Duration limit)
      throws IOException, InterruptedException {
    Path output = Files.createTempFile("zcbot-command-", ".txt");
    try {
      Process process =
          command
              .redirectErrorStream(true)
              .redirectInput(Path.of("/dev/null").toFile())
              .redirectOutput(output.toFile())
              .start();
      if (!process.waitFor(limit.toSeconds(), TimeUnit.SECONDS)) {
        process.destroyForcibly();
        throw new IOException(
            "'"
                + String.join(" ", command.command())
                + "' did not end within "
                + limit.toSeconds()
                + " s");
      }
      return new Result(process.exitValue(), Files.readString(output, StandardCharsets.UTF_8));
    } finally {
      Files.delete(output);
    }
  }

  /** Sends a signal by the shell's own kill, since not every machine has the program. */
  public static void signal(long pid, String name) throws IOException, InterruptedException {
    run("sh", "-c", "kill -" + name + " " + pid);
  }
}
