/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** The JVM options with which the scripts start the worker and its commands. */
class JvmOptionsTest {
  /** The flags without the class cache, which a build alone does not make. */
  private static final Pattern FLAGS =
      Pattern.compile("flags(\\+?)=\\(((?:(?!\\$cache).)*)\\)$", Pattern.MULTILINE);

  @Test
  void theJvmStartsWithoutAWarning() throws Exception {
    List<String> allFlags = new ArrayList<>();
    FLAGS
        .matcher(Files.readString(Path.of("../../bin/sandbox")))
        .results()
        .forEach(
            match ->
                allFlags.add(
                    (match.group(1).isEmpty() ? "" : allFlags.getLast() + " ") + match.group(2)));
    assertThat(allFlags)
        .as("of a worker, of one with a broker, of the console, of a command, of a gateway")
        .hasSize(5);
    for (String flags : allFlags) {
      List<String> command = new ArrayList<>();
      command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
      for (String flag : flags.split(" ", -1)) {
        command.add(flag.replace("\"", "").replace("$root", "../.."));
      }
      command.add("--version");
      Process java = new ProcessBuilder(command).redirectErrorStream(true).start();
      String output = new String(java.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertThat(java.waitFor()).as(output).isZero();
      assertThat(output).as(flags).doesNotContainIgnoringCase("warning");
    }
  }
}
