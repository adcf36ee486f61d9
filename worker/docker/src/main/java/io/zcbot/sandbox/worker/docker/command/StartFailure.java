/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.command;

import io.zcbot.sandbox.worker.docker.api.EngineErrors;
import io.zcbot.sandbox.worker.engine.CommandEnd;
import io.zcbot.sandbox.worker.engine.CommandRequest;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Explains to a requester why a command did not start. The runner reports only a keyword and an
 * error number.
 *
 * @param program the beginning of the program's name
 * @param directory the beginning of the working directory's name
 */
record StartFailure(String program, String directory) {
  private static final int MAX_NAME = 200;

  private static final int ENOENT = 2;
  private static final int EAGAIN = 11;
  private static final int NOT_FOUND = 127;
  private static final int NOT_EXECUTABLE = 126;

  /** A step that a newer runner may report. A hostile one must not choose the message. */
  private static final Pattern STEP = Pattern.compile("[a-z-]{1,32}");

  /**
   * EAGAIN, ENOMEM, ENFILE, EMFILE, ETXTBSY, ENOSPC: shortages that may be over at the next
   * attempt.
   */
  private static final Set<Integer> PASSING = Set.of(11, 12, 23, 24, 26, 28);

  /** Keeps only those parts of the request that a message may name. */
  static StartFailure of(CommandRequest request) {
    return new StartFailure(
        beginning(request.arguments().isEmpty() ? "" : request.arguments().getFirst()),
        beginning(Objects.requireNonNullElse(request.directory(), "/workspace")));
  }

  private static String beginning(String name) {
    return name.length() <= MAX_NAME ? name : name.substring(0, MAX_NAME) + "…";
  }

  /** Converts the runner's report to the command's end. */
  CommandEnd.NotStarted end(int errno, String step) {
    String what =
        switch (step) {
          case "message" -> "its arguments and environment can't be read";
          case "pipe" -> "the pipes for its input and output can't be made";
          case "terminal" -> "its terminal can't be made";
          case "fork" -> "its process can't be made";
          case "directory" ->
              "the working directory '" + EngineErrors.clean(directory) + "' can't be entered";
          case "program" -> "the program '" + EngineErrors.clean(program) + "' can't be executed";
          default -> "";
        };
    String why = what.isEmpty() ? other(step) : what + ": " + shown(errno);
    if (step.equals("fork") && errno == EAGAIN) {
      // What takes the processes stays. The requester, who may end it, must not wait for retries.
      return new CommandEnd.NotStarted(why, false);
    }
    return new CommandEnd.NotStarted(why, PASSING.contains(errno), exitCode(errno, step));
  }

  /** What a shell exits with that can't execute a program. */
  private static @Nullable Integer exitCode(int errno, String step) {
    if (!step.equals("program")) {
      return null;
    }
    return errno == ENOENT ? NOT_FOUND : NOT_EXECUTABLE;
  }

  private static String other(String step) {
    if (step.equals("cancelled")) {
      return "the command was killed before it started";
    }
    return STEP.matcher(step).matches() ? step : "the runner reported an unknown reason";
  }

  /** The numbers are the same on all architectures that the worker supports. */
  private static String shown(int errno) {
    return switch (errno) {
      case 1 -> "not permitted";
      case 2 -> "no such file or directory";
      case 5 -> "input/output error";
      case 7 -> "the arguments and the environment are too long";
      case 8 -> "it is neither a program of this system nor a script that begins with #!";
      case 11 ->
          "the sandbox has as many processes as it may have. The next command that finds no room"
              + " ends what earlier commands left in the background; if that is not enough, end the"
              + " commands that run, or release the sandbox: then the next command gets a new one";
      case 12 -> "out of memory";
      case 13 -> "permission denied";
      case 20 -> "not a directory";
      case 21 -> "it is a directory";
      case 22 -> "not valid";
      case 23 -> "too many open files on the host";
      case 24 -> "too many open files";
      case 26 -> "it is being written to";
      case 28 -> "the host has none left";
      case 36 -> "the name is too long";
      case 40 -> "too many symbolic links";
      default -> "error number " + errno;
    };
  }
}
