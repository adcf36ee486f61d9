/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Asks for a command to run in the user's sandbox. The command is started at most once, and the
 * exec is answered by one {@link Exited}. Limits are checked when the event is decoded, not by the
 * constructor.
 *
 * @param requestedBy who asks, for people who read the log; null if unknown
 * @param expiresAt when the requester stops waiting for the command to start; if null, the worker's
 *     default applies, counted from the record's timestamp
 * @param program what to run
 * @param stdin the command's standard input, or the beginning of it
 * @param inputFollows whether more standard input follows as {@link Input}, until one of them ends
 *     it; if false, standard input ends after {@code stdin}
 * @param environment variables that are added to those of the sandbox
 * @param directory absolute path of the directory in which the command starts; {@code /workspace}
 *     if null
 * @param timeout how long the command may run before its whole process tree is killed; truncated to
 *     whole seconds, at least 1 second and at most 24 hours; if null, the worker's default applies
 * @param maxOutputBytes how many bytes of output are kept, standard output and standard error
 *     together, at most 16 MiB; if null, the worker's default applies
 * @param stream whether output is published as {@link Output} while the command runs, instead of in
 *     the {@link Exited}
 * @param terminal the size of the command's terminal; null if it has none
 * @param ensure whether to make the sandbox if there is none
 * @param announceStart whether a {@link Started} says when the program was executed, and its
 *     process id
 * @param profile what the sandbox is made of, by its {@link ProfileName}, as in an ensure that does
 *     not say {@code replace}; if null, that of the user's sandbox, and the default if there is
 *     none
 */
public record Exec(
    String eventId,
    UserId userId,
    Instant requestedAt,
    @Nullable String requestedBy,
    @Nullable Instant expiresAt,
    Program program,
    Data stdin,
    boolean inputFollows,
    Map<String, String> environment,
    @Nullable String directory,
    @Nullable Duration timeout,
    @Nullable Integer maxOutputBytes,
    boolean stream,
    @Nullable TerminalSize terminal,
    boolean ensure,
    boolean announceStart,
    @Nullable String profile)
    implements SandboxEvent {
  public Exec {
    environment = Map.copyOf(environment);
    timeout = timeout == null ? null : timeout.truncatedTo(ChronoUnit.SECONDS);
  }

  /** Creates an exec that runs in whichever profile the user's sandbox has. */
  public Exec(
      String eventId,
      UserId userId,
      Instant requestedAt,
      @Nullable String requestedBy,
      @Nullable Instant expiresAt,
      Program program,
      Data stdin,
      boolean inputFollows,
      Map<String, String> environment,
      @Nullable String directory,
      @Nullable Duration timeout,
      @Nullable Integer maxOutputBytes,
      boolean stream,
      @Nullable TerminalSize terminal,
      boolean ensure,
      boolean announceStart) {
    this(
        eventId,
        userId,
        requestedAt,
        requestedBy,
        expiresAt,
        program,
        stdin,
        inputFollows,
        environment,
        directory,
        timeout,
        maxOutputBytes,
        stream,
        terminal,
        ensure,
        announceStart,
        null);
  }

  /** Creates an exec whose start is not announced. */
  public Exec(
      String eventId,
      UserId userId,
      Instant requestedAt,
      @Nullable String requestedBy,
      @Nullable Instant expiresAt,
      Program program,
      Data stdin,
      boolean inputFollows,
      Map<String, String> environment,
      @Nullable String directory,
      @Nullable Duration timeout,
      @Nullable Integer maxOutputBytes,
      boolean stream,
      @Nullable TerminalSize terminal,
      boolean ensure) {
    this(
        eventId,
        userId,
        requestedAt,
        requestedBy,
        expiresAt,
        program,
        stdin,
        inputFollows,
        environment,
        directory,
        timeout,
        maxOutputBytes,
        stream,
        terminal,
        ensure,
        false);
  }

  /** What a command runs. */
  public sealed interface Program {
    /** Returns what the kernel executes: the program's file and its arguments. */
    List<String> arguments();

    /**
     * A program with its arguments. The program is looked up in the sandbox's {@code PATH}.
     *
     * @param arguments the program, followed by its arguments
     */
    record Command(List<String> arguments) implements Program {
      public Command {
        arguments = List.copyOf(arguments);
      }
    }

    /** A script for {@code bash -c}. */
    record Shell(String script) implements Program {
      @Override
      public List<String> arguments() {
        return List.of("bash", "-c", script);
      }
    }
  }

  @Override
  public Instant at() {
    return requestedAt;
  }
}
