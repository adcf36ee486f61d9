/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import javax.tools.ToolProvider;

/** Compiles and runs the program of a file as a user does. */
final class SourceFiles {
  static final Path REPOSITORY = Path.of("../..").toAbsolutePath().normalize();

  private SourceFiles() {}

  /** What it prints. */
  static String run(Path file, Path directory, String... arguments)
      throws IOException, InterruptedException {
    ByteArrayOutputStream messages = new ByteArrayOutputStream();
    int compiled =
        ToolProvider.getSystemJavaCompiler()
            .run(
                null,
                messages,
                messages,
                "-Xlint:all,-processing,-classfile",
                "-Werror",
                "-proc:none",
                "--release",
                "21",
                "-cp",
                classPath(),
                "-d",
                directory.toString(),
                file.toString());
    assertThat(compiled).as(messages.toString(StandardCharsets.UTF_8)).isZero();
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                directory + ":" + classPath(),
                file.getFileName().toString().replace(".java", "")));
    command.addAll(List.of(arguments));
    Path output = directory.resolve("output");
    Process process =
        new ProcessBuilder(command)
            .redirectOutput(output.toFile())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    try {
      assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).isZero();
      return Files.readString(output);
    } finally {
      process.destroyForcibly();
    }
  }

  /** Where the tests run in Surefire's jar of a manifest only, it says what it stands for. */
  private static String classPath() {
    String surefire = System.getProperty("surefire.test.class.path");
    return surefire != null ? surefire : System.getProperty("java.class.path");
  }
}
