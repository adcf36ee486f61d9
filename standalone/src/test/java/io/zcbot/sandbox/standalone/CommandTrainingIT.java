/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.testkit.InFullRuns;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The class caches of commands and of bin/run, made and used by this JDK as bin/sandbox does. */
@Order(1)
class CommandTrainingIT {
  private static final Path TARGET = Path.of("target").toAbsolutePath();

  @TempDir Path directory;

  @Test
  void commandsUseTheCacheAndWorkWithoutAValidOne() throws Exception {
    Path cache = directory.resolve("commands.aot");
    List<String> java =
        List.of(
            "@" + TARGET.resolve("../../worker/commands.options").normalize(), "-cp", classPath());

    CommandTraining.run(cache, java);

    assertThat(version(cache, java, "-XX:AOTMode=on")).startsWith("zcbot sandbox ").hasLineCount(1);
    Path damaged = Files.writeString(directory.resolve("damaged.aot"), "no cache");
    assertThat(version(damaged, java, "-Xlog:disable"))
        .startsWith("zcbot sandbox ")
        .hasLineCount(1);
    List<String> otherJars = new ArrayList<>(java);
    Collections.replaceAll(otherJars, classPath(), directory + ":" + classPath());
    assertThat(version(cache, otherJars, "-Xlog:disable"))
        .startsWith("zcbot sandbox ")
        .hasLineCount(1);
  }

  @Test
  @InFullRuns("commandsUseTheCacheAndWorkWithoutAValidOne")
  void aWorkerWithItsOwnBrokerUsesTheCache() throws Exception {
    Path cache = directory.resolve("worker.aot");
    List<String> java =
        List.of(
            "@" + TARGET.resolve("../../worker/jvm.options").normalize(),
            "-Xms128m",
            "-Xmx1g",
            "-Xmn64m",
            "-cp",
            classPath());

    Training.runStandalone(cache, java);

    assertThat(version(cache, java, "-XX:AOTMode=on")).contains("zcbot sandbox ");
  }

  private static String classPath() throws IOException {
    try (Stream<Path> own = Files.list(TARGET);
        Stream<Path> libraries = Files.list(TARGET.resolve("lib"))) {
      return String.join(
          ":",
          Stream.concat(
                  own.filter(path -> path.getFileName().toString().matches("standalone-.*\\.jar")),
                  libraries.sorted())
              .map(Path::toString)
              .toList());
    }
  }

  private String version(Path cache, List<String> java, String mode)
      throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(java);
    command.addAll(List.of("-XX:AOTCache=" + cache, mode, Main.class.getName(), "--version"));
    Path output = directory.resolve("output");
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(output.toFile());
    // Java says on its output what it takes from them.
    builder.environment().keySet().removeAll(Set.of("JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS"));
    Process process = builder.start();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return Files.readString(output);
  }
}
