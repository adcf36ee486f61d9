/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.UserId;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.UUID;

/** Runs commands of this program's own in a user's sandbox, one after another. */
final class CommandRunner {
  /** How much a command may read or write. */
  static final int MAX_BYTES = 4 << 20;

  private static final Duration EXPIRY = Duration.ofSeconds(60);
  private static final Duration SLACK = Duration.ofSeconds(20);

  /** An error message needs no more. */
  private static final int MAX_MESSAGE = 4096;

  private final CommandLog log;
  private final UserId user;
  private final boolean ensure;

  /**
   * Commands in the sandbox of one user.
   *
   * @param ensure whether to make the sandbox if there is none
   */
  CommandRunner(CommandLog log, UserId user, boolean ensure) {
    this.log = log;
    this.user = user;
    this.ensure = ensure;
  }

  /**
   * Runs a command that has to succeed.
   *
   * @param stdin at most {@link #MAX_BYTES}
   * @param most how many bytes it may write, at most {@link #MAX_BYTES}
   * @return what it wrote
   */
  byte[] run(List<String> arguments, byte[] stdin, int most, Duration timeout)
      throws CommandException, InterruptedException {
    boolean inputFollows = stdin.length > CommandInput.MAX_BYTES;
    Exec exec =
        new Exec(
            UUID.randomUUID().toString(),
            user,
            Instant.now().truncatedTo(ChronoUnit.MILLIS),
            "cli",
            Instant.now().truncatedTo(ChronoUnit.MILLIS).plus(EXPIRY),
            new Exec.Program.Command(arguments),
            inputFollows ? Data.EMPTY : Data.of(stdin),
            inputFollows,
            Map.of(),
            null,
            timeout,
            most + MAX_MESSAGE,
            true,
            null,
            ensure);
    Records.check(exec, "no worker would run this command");
    Bounded out = new Bounded(most);
    Bounded err = new Bounded(MAX_MESSAGE);
    ExecSession session =
        new ExecSession(
            log,
            exec,
            EXPIRY.plus(timeout).plus(SLACK),
            new OutputSequence(out, err),
            new WaitingLine(new PrintWriter(Writer.nullWriter()), false, ""));
    try {
      session.publish();
      if (inputFollows) {
        new CommandInput(log, user, exec.eventId()).pipe(new ByteArrayInputStream(stdin));
      }
      requireSuccess(session.follow(), err);
      return out.bytes.toByteArray();
    } catch (IOException e) {
      throw new CommandException(
          ExitCode.FAILED, "what the sandbox sends can't be used: " + e.getMessage(), e);
    }
  }

  private static void requireSuccess(CommandEnding ending, Bounded err) throws CommandException {
    if (ending.exitCode() == ExitCode.OK) {
      return;
    }
    boolean hasEnded =
        ending instanceof CommandEnding.Answered answered
            && answered.exited().reason() == Exited.Reason.EXITED;
    String message = ending.message();
    if (hasEnded || message == null) {
      String said = err.bytes.toString(StandardCharsets.UTF_8).strip();
      message = said.isEmpty() ? "exit code " + ending.exitCode() : EventText.plain(said);
    }
    throw new CommandException(exitCode(ending, hasEnded), "in the sandbox: " + message, null);
  }

  private static int exitCode(CommandEnding ending, boolean hasEnded) {
    if (ending instanceof CommandEnding.Unanswered) {
      return ExitCode.TIMEOUT;
    }
    return !hasEnded && ending.exitCode() == ExitCode.RETRY ? ExitCode.RETRY : ExitCode.FAILED;
  }

  /** The worker keeps to the bound that the exec names; this does not rely on it. */
  private static final class Bounded extends OutputStream {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    private final int most;

    Bounded(int most) {
      this.most = most;
    }

    @Override
    public void write(int value) throws IOException {
      write(new byte[] {(byte) value}, 0, 1);
    }

    @Override
    public void write(byte[] from, int at, int length) throws IOException {
      if (bytes.size() + length > most) {
        throw new IOException("more than " + most + " bytes");
      }
      bytes.write(from, at, length);
    }
  }
}
