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
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.tools.ToolProvider;

/** Compiles and runs the program in a source file as a user does. */
final class SourceFiles {
  static final Path REPOSITORY = Path.of("../..").toAbsolutePath().normalize();

  private SourceFiles() {}

  /** Runs the program; returns its output. */
  static String run(Path file, Path directory, String... arguments)
      throws IOException, InterruptedException {
    Process process = start(file, directory, arguments);
    try {
      assertThat(process.waitFor(120, TimeUnit.SECONDS)).isTrue();
      assertThat(process.exitValue()).isZero();
      return Files.readString(output(directory));
    } finally {
      process.destroyForcibly();
    }
  }

  /** The file that the program's output goes to. */
  static Path output(Path directory) {
    return directory.resolve("output");
  }

  /** Starts a program that runs until it is ended. */
  static Process start(Path file, Path directory, String... arguments) throws IOException {
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
                java().toString(),
                "-cp",
                directory + ":" + withoutLogging(classPath()),
                file.getFileName().toString().replace(".java", "")));
    command.addAll(List.of(arguments));
    System.out.println("running " + file.getFileName() + " on " + command.getFirst());
    return new ProcessBuilder(command)
        .redirectOutput(output(directory).toFile())
        .redirectError(ProcessBuilder.Redirect.INHERIT)
        .start();
  }

  /**
   * The Java that {@code -Dzcbot.client.java=...} names, else Java 21 if it is installed, because
   * it is the oldest that the client supports.
   */
  private static Path java() throws IOException {
    String named = System.getProperty("zcbot.client.java");
    if (named != null) {
      return Path.of(named);
    }
    Path installed = Path.of("/usr/lib/jvm");
    if (Files.isDirectory(installed)) {
      try (Stream<Path> all = Files.list(installed)) {
        Optional<Path> oldest =
            all.filter(home -> home.getFileName().toString().matches(".*\\b21\\b.*"))
                .map(home -> home.resolve("bin/java"))
                .filter(Files::isExecutable)
                .findFirst();
        if (oldest.isPresent()) {
          return oldest.get();
        }
      }
    }
    return Path.of(System.getProperty("java.home"), "bin", "java");
  }

  /**
   * Leaves out the worker's logging, which is on the class path, but is not for the Java of the
   * client's users.
   */
  private static String withoutLogging(String classPath) {
    return Arrays.stream(classPath.split(":"))
        .filter(each -> !each.contains("logback"))
        .collect(Collectors.joining(":"));
  }

  /** The class path. If it is only Surefire's jar with a manifest, the entries of that manifest. */
  static String classPath() {
    String surefire = System.getProperty("surefire.test.class.path");
    return surefire != null ? surefire : System.getProperty("java.class.path");
  }
}
