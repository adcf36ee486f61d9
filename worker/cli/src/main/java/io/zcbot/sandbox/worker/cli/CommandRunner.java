/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Input;
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
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Runs auxiliary commands of this program in a user's sandbox, one after another, until another
 * thread stops it. All methods but {@link #stop} are called by the thread that created it.
 */
final class CommandRunner implements AutoCloseable {
  /** Maximum bytes that a command may read or write. */
  static final int MAX_BYTES = 4 << 20;

  private static final Duration EXPIRY = Duration.ofSeconds(60);
  private static final Duration SLACK = Duration.ofSeconds(20);

  /**
   * Time to wait for the running command after a stop. A command that obeys ends within moments.
   */
  private static final Duration AFTER_STOP = Duration.ofSeconds(10);

  /** Bytes of standard error to keep, enough for an error message. */
  private static final int MAX_MESSAGE = 4096;

  private final CommandLog log;
  private final UserId user;
  private final boolean ensure;
  private final Duration afterStop;

  /** The thread that runs the commands, interrupted by a stop. */
  private final Thread caller = Thread.currentThread();

  private @Nullable Running running;
  private int stopCode;
  private boolean isClosed;

  /**
   * Creates a runner for the sandbox of one user.
   *
   * @param ensure whether to create the sandbox if there is none
   */
  CommandRunner(CommandLog log, UserId user, boolean ensure) {
    this(log, user, ensure, AFTER_STOP);
  }

  /**
   * Creates a runner for the sandbox of one user.
   *
   * @param afterStop how long to wait for a command's end after a stop
   */
  CommandRunner(CommandLog log, UserId user, boolean ensure, Duration afterStop) {
    this.log = log;
    this.user = user;
    this.ensure = ensure;
    this.afterStop = afterStop;
  }

  private record Running(ExecSession session, CommandInput input) {}

  /**
   * Runs a command and waits for its end.
   *
   * @param stdin at most {@link #MAX_BYTES}
   * @param most how many bytes the command may write, at most {@link #MAX_BYTES}
   * @return the command's standard output
   * @throws CommandException if the command fails
   */
  byte[] run(List<String> arguments, byte[] stdin, int most, Duration timeout)
      throws CommandException, InterruptedException {
    return run(arguments, stdin, most, timeout, false);
  }

  /** Runs a command that removes what other commands left. It also runs after a stop. */
  void cleanUp(List<String> arguments, Duration timeout)
      throws CommandException, InterruptedException {
    var _ = run(arguments, new byte[0], MAX_MESSAGE, timeout, true);
  }

  private byte[] run(
      List<String> arguments, byte[] stdin, int most, Duration timeout, boolean isCleanUp)
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
    CommandInput input = new CommandInput(log, user, exec.eventId());
    begin(new Running(session, input), isCleanUp);
    try {
      session.publish();
      if (inputFollows) {
        input.pipe(new ByteArrayInputStream(stdin));
      }
      requireSuccess(session.follow(), err);
      return out.bytes.toByteArray();
    } catch (IOException e) {
      throw new CommandException(
          ExitCode.FAILED, "what the sandbox sends can't be used: " + e.getMessage(), e);
    } finally {
      end();
    }
  }

  private synchronized void begin(Running command, boolean isCleanUp) throws CommandException {
    if (stopCode != 0) {
      var _ = Thread.interrupted(); // clears the stop's interrupt
      if (!isCleanUp) {
        throw new CommandException(stopCode, "stopped", null);
      }
      leaveSoon(command);
    }
    running = command;
  }

  private synchronized void end() {
    running = null;
    if (stopCode != 0) { // the command may have succeeded in spite of the stop
      caller.interrupt();
    }
  }

  private void leaveSoon(Running command) {
    CompletableFuture.delayedExecutor(afterStop.toMillis(), TimeUnit.MILLISECONDS)
        .execute(() -> command.session().leave(ExitCode.UNKNOWN_END));
  }

  /**
   * Stops the runner: terminates the running command, or interrupts the caller if none runs. From
   * now on only clean-ups run. May be called by any thread.
   *
   * @param exitCode as of a program that was ended by that signal
   */
  void stop(int exitCode) {
    Running command;
    synchronized (this) {
      if (stopCode != 0 || isClosed) {
        return;
      }
      stopCode = exitCode;
      command = running;
      if (command == null) {
        caller.interrupt();
        return;
      }
    }
    leaveSoon(command);
    try {
      command.input().send(new Input.Content.Signal(CommandSignal.TERM));
    } catch (CommandException _) {
      // the command ends by itself or at its time-out, and no other one follows
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  /** The exit code given to {@link #stop}; 0 if there was no stop. */
  synchronized int stopCode() {
    return stopCode;
  }

  /**
   * Ends the runner: a later stop has no effect, and the interrupt of an earlier one is cleared.
   */
  @Override
  public synchronized void close() {
    isClosed = true;
    if (stopCode != 0) {
      var _ = Thread.interrupted();
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
      String said = EventText.plain(err.bytes.toString(StandardCharsets.UTF_8).strip());
      if (hasEnded) {
        throw new FailedCommand(ending.exitCode(), said);
      }
      message = said.isEmpty() ? "exit code " + ending.exitCode() : said;
    }
    throw new CommandException(exitCode(ending, hasEnded), "in the sandbox: " + message, null);
  }

  private static int exitCode(CommandEnding ending, boolean hasEnded) {
    if (!(ending instanceof CommandEnding.Answered)) {
      return ExitCode.TIMEOUT;
    }
    return !hasEnded && ending.exitCode() == ExitCode.RETRY ? ExitCode.RETRY : ExitCode.FAILED;
  }

  /**
   * Collects output up to a bound. The worker applies the bound of the exec too, but this client
   * does not rely on it.
   */
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
