/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options of a command to run, apart from the command itself. */
final class ExecOptions {
  /** The worker's default time-out; {@link #TERMINAL_TIMEOUT} is the worker's default maximum. */
  private static final Duration DEFAULT_TIMEOUT = Duration.ofSeconds(60);

  private static final Duration TERMINAL_TIMEOUT = Duration.ofHours(1);

  /**
   * The maximum that the contract allows, because a user who watches wants more than a record
   * holds.
   */
  private static final int STREAMED_OUTPUT = 16 << 20;

  /** {@link #STREAMED_OUTPUT}, as a user writes it. */
  static final String MAX_OUTPUT = "16m";

  /** Added to the time to wait, for a command that is ended late and for the answer's way. */
  private static final Duration SLACK = Duration.ofSeconds(20);

  @Option(
      names = {"-e", "--env"},
      paramLabel = "NAME[=VALUE]",
      description =
          "Set an environment variable; may be repeated. Without a value, the one that it has"
              + " here.")
  private List<String> environment = new ArrayList<>();

  @Option(
      names = {"-w", "--workdir"},
      paramLabel = "DIR",
      description = "Where the command starts (default: /workspace).")
  private @Nullable String directory;

  @Option(
      names = "--timeout",
      paramLabel = "DURATION",
      description =
          "After this time the command and all processes that it started are killed (default: 60s,"
              + " with a terminal 1h).")
  private @Nullable Duration timeout;

  @Option(
      names = "--max-output",
      paramLabel = "SIZE",
      converter = Converters.Size.class,
      description =
          "Keep this much output, such as 512k or 4m, and cut off the rest (default and maximum:"
              + " "
              + MAX_OUTPUT
              + "; with --json or -d, the worker's default, 256k). 'cp' copies more.")
  private @Nullable Integer maxOutput;

  @Option(
      names = "--ensure",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description = "Make the sandbox if the user has none (default), or don't run the command.")
  private boolean ensure;

  @Option(
      names = "--profile",
      paramLabel = "NAME",
      description = "The sandbox's profile, as in 'ensure'.")
  private @Nullable String profile;

  @Option(
      names = "--expires-in",
      paramLabel = "DURATION",
      description = "How long the command may wait for its start (default: 60s).")
  private Duration expiresIn = Duration.ofSeconds(60);

  @Option(names = "--shell", description = "COMMAND is a script for 'bash -c', in one argument.")
  private boolean shell;

  /**
   * Creates the exec.
   *
   * @param words the program and its arguments, or the script
   * @param inputFollows whether input events will follow
   * @param stream whether the output is to be published while the command runs
   * @param terminal the size of its terminal; null for none
   * @param here the environment of this process
   * @throws CommandException if an option is not valid, or no worker would run the command
   */
  Exec exec(
      UserId user,
      List<String> words,
      boolean inputFollows,
      boolean stream,
      @Nullable TerminalSize terminal,
      Map<String, String> here)
      throws CommandException {
    if (maxOutput != null && maxOutput > STREAMED_OUTPUT) {
      throw new CommandException(
          ExitCode.USAGE,
          "--max-output can be at most "
              + MAX_OUTPUT
              + "; write more into a file in the sandbox, and copy that with 'cp'",
          null);
    }
    Instant now = Instant.now().truncatedTo(ChronoUnit.MILLIS);
    Exec exec =
        new Exec(
            UUID.randomUUID().toString(),
            user,
            now,
            "cli",
            now.plus(expiresIn),
            program(words),
            Data.EMPTY,
            inputFollows,
            environment(here),
            directory,
            wholeSeconds(timeout(terminal != null)),
            maxOutput == null && stream ? Integer.valueOf(STREAMED_OUTPUT) : maxOutput,
            stream,
            terminal,
            ensure,
            false,
            profile);
    Records.check(exec, "no worker would run this command");
    return exec;
  }

  /** Returns how long to wait for an exec's answer. */
  Duration patience(Exec exec) {
    Duration runs = exec.timeout() == null ? DEFAULT_TIMEOUT : exec.timeout();
    return expiresIn.plus(runs).plus(SLACK);
  }

  private Duration timeout(boolean hasTerminal) {
    if (timeout != null) {
      return timeout;
    }
    return hasTerminal ? TERMINAL_TIMEOUT : DEFAULT_TIMEOUT;
  }

  /** Rounds a duration up to whole seconds. */
  static Duration wholeSeconds(Duration duration) {
    Duration whole = duration.truncatedTo(ChronoUnit.SECONDS);
    return whole.equals(duration) ? whole : whole.plusSeconds(1);
  }

  private Exec.Program program(List<String> words) throws CommandException {
    if (!shell) {
      return new Exec.Program.Command(words);
    }
    if (words.size() != 1) {
      throw new CommandException(
          ExitCode.USAGE,
          "with --shell, the script is one argument, and there are "
              + words.size()
              + "; put it in quotes",
          null);
    }
    return new Exec.Program.Shell(words.getFirst());
  }

  private Map<String, String> environment(Map<String, String> here) throws CommandException {
    Map<String, String> variables = new LinkedHashMap<>();
    for (String variable : environment) {
      int equals = variable.indexOf('=');
      String name = equals < 0 ? variable : variable.substring(0, equals);
      String value = equals < 0 ? here.get(name) : variable.substring(equals + 1);
      if (name.isEmpty() || value == null) {
        throw new CommandException(
            ExitCode.USAGE,
            "-e "
                + EventText.plain(variable)
                + ": "
                + (name.isEmpty() ? "the variable has no name" : "the variable has no value here")
                + "; write NAME=VALUE",
            null);
      }
      variables.put(name, value);
    }
    return variables;
  }
}
