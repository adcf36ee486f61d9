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
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The class cache that the worker's image is built with, made and used by this JDK. */
@InFullRuns("CommandTrainingIT trains for commands")
class TrainingIT {
  private static final Path WORKER = Path.of("..", "worker").toAbsolutePath().normalize();

  @TempDir Path directory;

  @Test
  void theNextStartUsesWhatWasTrainedAndAnotherClassPathDoesNot() throws Exception {
    Path cache = directory.resolve("worker.aot");
    List<String> java = Training.packaged(WORKER);

    Training.run(cache, java);

    assertThat(version(cache, java)).as("output").contains("zcbot sandbox");
    List<String> otherwise = new ArrayList<>(java);
    otherwise.set(2, Files.createDirectory(directory.resolve("x")) + ":" + java.get(2));
    assertThat(version(cache, otherwise)).as("output").contains("Unable to use AOT cache");
  }

  /** The output of a JVM that must use the cache or fail. */
  private String version(Path cache, List<String> java) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(java);
    command.addAll(List.of("-XX:AOTCache=" + cache, "-XX:AOTMode=on"));
    command.addAll(List.of("io.zcbot.sandbox.worker.cli.Main", "--version"));
    Path output = directory.resolve("output");
    Process process =
        new ProcessBuilder(command)
            .redirectErrorStream(true)
            .redirectOutput(output.toFile())
            .start();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return Files.readString(output);
  }
}
