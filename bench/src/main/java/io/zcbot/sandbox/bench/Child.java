/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/** A JVM of its own. */
final class Child implements AutoCloseable {
  static final String LOGBACK = "bench-logback.xml";

  private final Process process;

  private Child(Process process) {
    this.process = process;
  }

  /**
   * Starts one.
   *
   * @param java the JVM's options and class path
   */
  static Child start(
      List<String> java, String main, List<String> arguments, Map<String, String> env, Path log)
      throws IOException {
    return new Child(
        builder(java, main, arguments, env)
            .redirectOutput(log.toFile())
            .redirectError(log.toFile())
            .start());
  }

  /** Starts another program, which may become a JVM. */
  static Child start(List<String> command, Map<String, String> env, Path log) throws IOException {
    return new Child(
        builder(command, env).redirectOutput(log.toFile()).redirectError(log.toFile()).start());
  }

  /**
   * Starts one with this one's class path that says, in a line that begins so, that it is ready;
   * the rest of that line.
   */
  static Child announced(
      String main, List<String> arguments, Path log, String announcement, StringBuilder rest)
      throws IOException {
    Process process =
        builder(
                List.of(
                    "--enable-native-access=ALL-UNNAMED",
                    "--sun-misc-unsafe-memory-access=allow",
                    "-Xmx1g",
                    "-Dlogback.configurationFile=" + LOGBACK,
                    "-cp",
                    System.getProperty("java.class.path")),
                main,
                arguments,
                Map.of())
            .redirectError(log.toFile())
            .start();
    BufferedReader output = process.inputReader();
    String line = output.readLine();
    while (line != null && !line.startsWith(announcement)) {
      line = output.readLine(); // a JVM's own remarks
    }
    if (line == null) {
      throw new IOException(main + " did not start: " + Files.readString(log));
    }
    rest.append(line.substring(announcement.length()));
    return new Child(process);
  }

  private static ProcessBuilder builder(
      List<String> java, String main, List<String> arguments, Map<String, String> env) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(java);
    command.add(main);
    command.addAll(arguments);
    return builder(command, env);
  }

  private static ProcessBuilder builder(List<String> command, Map<String, String> env) {
    ProcessBuilder builder = new ProcessBuilder(command);
    builder.environment().keySet().removeIf(key -> key.startsWith("ZCBOT_"));
    builder.environment().putAll(env);
    return builder;
  }

  boolean isAlive() {
    return process.isAlive();
  }

  ProcessHandle handle() {
    return process.toHandle();
  }

  @Override
  public void close() {
    process.destroy();
    try {
      if (!process.waitFor(40, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      process.destroyForcibly();
      Thread.currentThread().interrupt();
    }
  }
}
