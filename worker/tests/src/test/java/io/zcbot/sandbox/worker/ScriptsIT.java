/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** ShellCheck finds no problem in the scripts. */
@Tag("shellcheck")
class ScriptsIT {
  private static final Path REPOSITORY = Path.of("../..").toAbsolutePath().normalize();
  private static final Pattern SCRIPT = Pattern.compile("^#!/bin/(ba)?sh|\n# shellcheck shell=");
  private static final List<String> WITH_SCRIPTS =
      List.of("bin", ".ci", "kafka-image", "packaging", "sandbox-image", "worker");
  private static final long PATIENCE_SECONDS = 300;

  @TempDir private Path directory;

  @Test
  void noScriptHasWhatShellCheckWarnsOf() throws Exception {
    List<String> scripts = scripts();
    assertThat(scripts).contains("bin/test", "bin/lib/setup.sh", "sandbox-image/init.sh");
    List<String> command =
        new ArrayList<>(List.of("shellcheck", "-x", "-S", "warning", "-f", "gcc"));
    command.addAll(scripts);
    Path said = directory.resolve("said");
    Process process =
        new ProcessBuilder(command)
            .directory(REPOSITORY.toFile())
            .redirectErrorStream(true)
            .redirectOutput(said.toFile())
            .start();
    try {
      assertThat(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)).as("it ends").isTrue();
    } finally {
      process.destroyForcibly();
    }
    assertThat(Files.readString(said)).isEmpty();
    assertThat(process.exitValue()).isZero();
  }

  private static List<String> scripts() throws IOException {
    List<String> scripts = new ArrayList<>();
    for (String top : WITH_SCRIPTS) {
      // The worker's sources are no scripts.
      try (Stream<Path> files = Files.walk(REPOSITORY.resolve(top), top.equals("worker") ? 1 : 3)) {
        for (Path file : files.filter(Files::isRegularFile).sorted().toList()) {
          Path path = REPOSITORY.relativize(file);
          if (!path.toString().contains("target") && isScript(file)) {
            scripts.add(path.toString());
          }
        }
      }
    }
    return scripts;
  }

  private static boolean isScript(Path file) throws IOException {
    byte[] start;
    try (InputStream in = Files.newInputStream(file)) {
      start = in.readNBytes(200);
    }
    return SCRIPT.matcher(new String(start, StandardCharsets.ISO_8859_1)).find();
  }
}
