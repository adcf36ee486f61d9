/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;

/**
 * The output and the environment of a command line.
 *
 * @param isTerminal whether input and output are a terminal
 */
public record Console(
    Map<String, String> env, PrintWriter out, PrintWriter err, boolean isTerminal) {
  /** Returns the console of this process. */
  @SuppressWarnings("SystemConsoleNull") // in JDK 25 it is null again where nobody sits
  public static Console ofProcess() {
    java.io.Console terminal = System.console();
    return new Console(
        System.getenv(),
        new PrintWriter(System.out, true, StandardCharsets.UTF_8),
        new PrintWriter(System.err, true, StandardCharsets.UTF_8),
        terminal != null && terminal.isTerminal());
  }

  /** Whether standard output is a file or a device; false where that can't be determined. */
  static boolean isFile() {
    try {
      return Files.readSymbolicLink(Path.of("/proc/self/fd/1")).isAbsolute(); // else pipe:[1234]
    } catch (IOException _) {
      return false;
    }
  }

  /** See no-color.org: any value except an empty one turns colours off. */
  boolean hasColour() {
    return isTerminal
        && env.getOrDefault("NO_COLOR", "").isEmpty()
        && !env.getOrDefault("TERM", "").equals("dumb");
  }

  /** Asks a question and waits for the answer; returns false without a terminal. */
  @SuppressWarnings("SystemConsoleNull")
  boolean confirms(String question) {
    java.io.Console terminal = System.console();
    if (!isTerminal || terminal == null) {
      return false;
    }
    String answer = terminal.readLine("%s [y/N] ", question);
    return answer != null && answer.strip().toLowerCase(Locale.ROOT).startsWith("y");
  }
}
