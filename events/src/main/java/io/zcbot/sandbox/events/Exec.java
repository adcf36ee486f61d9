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
 * A command is to run in the user's sandbox. It is started at most once and answered by one {@link
 * Exited}.
 *
 * @param program what to run
 * @param stdin its standard input, or the beginning of it
 * @param inputFollows whether more standard input comes by {@link Input}, until one of them ends
 *     it; without it, standard input ends behind {@code stdin}
 * @param environment variables that are added to those of the sandbox
 * @param directory where it starts; the workspace if absent
 * @param timeout after which its whole process tree is killed, in whole seconds; if absent, the
 *     worker's default applies
 * @param maxOutputBytes how many bytes of output are kept, standard output and standard error
 *     together; if absent, the worker's default applies
 * @param stream whether output is published while it runs, by {@link Output}, or in {@link Exited}
 * @param terminal the size of its terminal; if absent, it has none
 * @param ensure whether to make the sandbox if there is none
 * @param expiresAt when the requester stops waiting for the command to start; if absent, the
 *     worker's default applies, counted from the record's time
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
    boolean ensure)
    implements SandboxEvent {
  public Exec {
    environment = Map.copyOf(environment);
    timeout = timeout == null ? null : timeout.truncatedTo(ChronoUnit.SECONDS);
  }

  /** What a command runs. */
  public sealed interface Program {
    /** What the kernel executes: the program's file and its arguments. */
    List<String> arguments();

    /** A program with its arguments. The program is looked up in the sandbox's {@code PATH}. */
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
