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
 * Runs commands of this program's own in a user's sandbox, one after another, until another thread
 * stops it.
 */
final class CommandRunner implements AutoCloseable {
  /** How much a command may read or write. */
  static final int MAX_BYTES = 4 << 20;

  private static final Duration EXPIRY = Duration.ofSeconds(60);
  private static final Duration SLACK = Duration.ofSeconds(20);

  /** Whoever stops the program waits for its end; a command that obeys takes moments. */
  private static final Duration AFTER_STOP = Duration.ofSeconds(10);

  /** An error message needs no more. */
  private static final int MAX_MESSAGE = 4096;

  private final CommandLog log;
  private final UserId user;
  private final boolean ensure;
  private final Duration afterStop;

  /** Runs the commands. */
  private final Thread caller = Thread.currentThread();

  private @Nullable Running running;
  private int stopCode;
  private boolean isClosed;

  /**
   * Commands in the sandbox of one user.
   *
   * @param ensure whether to make the sandbox if there is none
   */
  CommandRunner(CommandLog log, UserId user, boolean ensure) {
    this(log, user, ensure, AFTER_STOP);
  }

  /**
   * As the other one.
   *
   * @param afterStop how long to wait for each command's end after a stop
   */
  CommandRunner(CommandLog log, UserId user, boolean ensure, Duration afterStop) {
    this.log = log;
    this.user = user;
    this.ensure = ensure;
    this.afterStop = afterStop;
  }

  private record Running(ExecSession session, CommandInput input) {}

  /**
   * Runs a command that has to succeed.
   *
   * @param stdin at most {@link #MAX_BYTES}
   * @param most how many bytes it may write, at most {@link #MAX_BYTES}
   * @return what it wrote
   */
  byte[] run(List<String> arguments, byte[] stdin, int most, Duration timeout)
      throws CommandException, InterruptedException {
    return run(arguments, stdin, most, timeout, false);
  }

  /** Runs a command that takes away what others left; it runs after a stop, too. */
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
      var _ = Thread.interrupted(); // the stop's
      if (!isCleanUp) {
        throw new CommandException(stopCode, "stopped", null);
      }
      leaveSoon(command);
    }
    running = command;
  }

  private synchronized void end() {
    running = null;
    if (stopCode != 0) { // the command may have succeeded all the same
      caller.interrupt();
    }
  }

  private void leaveSoon(Running command) {
    CompletableFuture.delayedExecutor(afterStop.toMillis(), TimeUnit.MILLISECONDS)
        .execute(() -> command.session().leave(ExitCode.UNKNOWN_END));
  }

  /**
   * Ends the running command, and interrupts the caller in whatever it does without one. No command
   * but clean-ups begins any more. Any thread.
   *
   * @param exitCode as of a program that was ended so
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
      // The command ends by itself or at its time-out, and no other one follows.
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  /** The exit code of a stop; 0 without one. */
  synchronized int stopCode() {
    return stopCode;
  }

  /** A stop has no effect from now on. */
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
      String said = err.bytes.toString(StandardCharsets.UTF_8).strip();
      message = said.isEmpty() ? "exit code " + ending.exitCode() : EventText.plain(said);
    }
    throw new CommandException(exitCode(ending, hasEnded), "in the sandbox: " + message, null);
  }

  private static int exitCode(CommandEnding ending, boolean hasEnded) {
    if (!(ending instanceof CommandEnding.Answered)) {
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
