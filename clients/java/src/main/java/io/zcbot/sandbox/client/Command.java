/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.events.UserId;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What to run, and how. Commands are immutable: each method returns a changed copy. They can be
 * used by several threads and started several times, except those with {@link #stdin(InputStream)}.
 *
 * <p>Limits of the contract that are not checked here, such as the size of arguments and variables,
 * are checked when the command is started, which then throws {@link InvalidRequestException}.
 *
 * <pre>{@code
 * Command.of("python3", "-").stdin(script).env("LANG", "C.UTF-8").timeout(Duration.ofMinutes(5))
 * }</pre>
 */
public final class Command implements Cloneable {
  /** The largest allowed {@link #maxOutput(int)}, in bytes. */
  public static final int MAX_OUTPUT = 16 << 20;

  /** The most output that comes with the answer. With a larger bound, output is streamed. */
  private static final int MAX_IN_ANSWER = 256 * 1024;

  private static final Duration USUAL = Duration.ofSeconds(60);

  /** Additional time for a worker that ends a command late, and for the answer to arrive. */
  static final Duration SLACK = Duration.ofSeconds(30);

  private final Exec.Program program;

  // Written only before the command is given to a caller.
  private Map<String, String> environment = Map.of();
  private @Nullable String directory;
  private @Nullable Duration timeout;
  private Duration startWithin = USUAL;
  private int maxOutput = MAX_IN_ANSWER;
  private Data stdin = Data.EMPTY;
  private @Nullable Supplier<InputStream> stdinStream;
  private boolean isStdinOpen;
  private boolean ensure = true;
  private @Nullable String profile;
  private boolean isOutputKept = true;
  private boolean isStartAnnounced;
  private @Nullable TerminalSize terminal;

  private Command(Exec.Program program) {
    this.program = program;
  }

  /** Creates a command from a program and its arguments, which no shell interprets. */
  public static Command of(String... arguments) {
    return of(List.of(arguments));
  }

  /** Creates a command from a program and its arguments, which no shell interprets. */
  public static Command of(List<String> arguments) {
    return new Command(new Exec.Program.Command(arguments));
  }

  /**
   * Creates a command from a script for {@code bash -c}. Do not insert untrusted text into the
   * script.
   */
  public static Command shell(String script) {
    return new Command(new Exec.Program.Shell(script));
  }

  /** Sets an environment variable. */
  public Command env(String name, String value) {
    return env(Map.of(name, value));
  }

  /** Sets environment variables, in addition to those that are set. */
  public Command env(Map<String, String> variables) {
    Map<String, String> more = new LinkedHashMap<>(environment);
    more.putAll(variables);
    return with(copy -> copy.environment = Map.copyOf(more));
  }

  /**
   * Sets the directory in which the command starts, an absolute path. The default is {@code
   * /workspace}.
   */
  public Command cwd(String directory) {
    return with(copy -> copy.directory = directory);
  }

  /**
   * Sets how long the command may run before it is killed with all processes that it started,
   * rounded up to whole seconds. The workers' default is 60 s. They allow at most one hour unless
   * an operator has set another limit.
   *
   * @throws InvalidRequestException if the duration is not positive, or longer than 100 years
   */
  public Command timeout(Duration timeout) {
    Deadline.requirePositive("timeout_seconds", timeout);
    Duration whole = Duration.ofSeconds(timeout.plusNanos(999_999_999).toSeconds());
    return with(copy -> copy.timeout = whole);
  }

  /**
   * Sets how long the command may wait for its start, including the creation of a sandbox. The
   * default is 60 s.
   *
   * @throws InvalidRequestException if the duration is not positive, or longer than 100 years
   */
  public Command startWithin(Duration startWithin) {
    Deadline.requirePositive("startWithin", startWithin);
    return with(copy -> copy.startWithin = startWithin);
  }

  /**
   * Sets how many bytes of output are kept, standard output and standard error together. The
   * default is 256 KiB. Output beyond that is dropped, and the result says so.
   *
   * @throws InvalidRequestException if {@code bytes} is negative or more than {@link #MAX_OUTPUT}
   */
  public Command maxOutput(int bytes) {
    if (bytes < 0 || bytes > MAX_OUTPUT) {
      throw new InvalidRequestException(
          "max_output_bytes", "max_output_bytes: is " + bytes + "; it must be from 0 to 16 MiB");
    }
    return with(copy -> copy.maxOutput = bytes);
  }

  /** Sets standard input to a text in UTF-8, as {@link #stdin(byte[])} does. */
  public Command stdin(String text) {
    return stdin(text.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * Sets standard input. The default is empty. More than 256 KiB are sent while the command runs,
   * and such a command is not tried again.
   */
  public Command stdin(byte[] bytes) {
    if (bytes.length <= CommandInput.MAX_BYTES) {
      return withStdin(Data.of(bytes), null, false);
    }
    return stdinUncopied(bytes.clone());
  }

  /** Sets standard input as {@link #stdin(byte[])} does, to bytes that the caller won't change. */
  Command stdinUncopied(byte[] bytes) {
    if (bytes.length <= CommandInput.MAX_BYTES) {
      return stdin(bytes);
    }
    return withStdin(Data.EMPTY, () -> new ByteArrayInputStream(bytes), true);
  }

  /**
   * Sets standard input to a stream, which is sent as it is read and is not closed. A thread that
   * waits in its {@code read} when the command ends stays there until there is more to read, which
   * is lost, or the caller closes the stream. Such a command is not tried again, and can be started
   * only once; a second start throws {@link IllegalStateException}.
   */
  public Command stdin(InputStream stream) {
    AtomicBoolean isTaken = new AtomicBoolean();
    return withStdin(
        Data.EMPTY,
        () -> {
          if (isTaken.getAndSet(true)) {
            throw new IllegalStateException(
                "this command's standard input is a stream that an earlier start has taken; set"
                    + " another one with Command.stdin");
          }
          return stream;
        },
        true);
  }

  /**
   * Lets the caller write standard input with {@link RunningCommand#stdin} while the command runs.
   * Such a command is not tried again.
   */
  public Command openStdin() {
    return withStdin(Data.EMPTY, null, true);
  }

  private Command withStdin(Data data, @Nullable Supplier<InputStream> stream, boolean isOpen) {
    return with(
        copy -> {
          copy.stdin = data;
          copy.stdinStream = stream;
          copy.isStdinOpen = isOpen;
        });
  }

  /**
   * Does not run the command if the user has no sandbox, instead of making one. Starting it then
   * throws {@link CommandNotStartedException}.
   */
  public Command onlyInExistingSandbox() {
    return with(copy -> copy.ensure = false);
  }

  /**
   * Runs the command in a sandbox of this profile. A sandbox of another one is replaced, unless
   * commands run in it; then starting this one throws {@link CommandNotStartedException}. By
   * default, the sandbox that runs is taken, whatever it is made of.
   */
  public Command profile(String name) {
    return with(copy -> copy.profile = name);
  }

  /**
   * Runs the command in a terminal of this size, which {@link RunningCommand#resize} changes. Its
   * output is standard output only.
   */
  public Command terminal(TerminalSize size) {
    return with(copy -> copy.terminal = size);
  }

  /**
   * Announces the command's start, for which {@link RunningCommand#awaitStart} waits. That needs
   * Read on the topic {@code started}.
   */
  public Command announceStart() {
    return with(copy -> copy.isStartAnnounced = true);
  }

  /**
   * Does not keep output: {@link RunningCommand#forEachPiece} gets each piece once, and results
   * have none. Such a command takes 256 KiB of {@link ClientOptions#maxBufferedBytes} instead of
   * its {@link #maxOutput}, and up to 1 MiB while half of that is free. A consumer that is slower
   * than the command delays nobody else: what does not fit is read again from the log, as long as
   * that has it.
   */
  public Command withoutKeepingOutput() {
    return with(copy -> copy.isOutputKept = false);
  }

  private Command with(Consumer<Command> change) {
    try {
      Command copy = (Command) clone();
      change.accept(copy);
      return copy;
    } catch (CloneNotSupportedException e) {
      throw new AssertionError(e);
    }
  }

  /** Whether the same request can be sent again. */
  boolean isRepeatable() {
    return !isStdinOpen;
  }

  boolean isStdinOpen() {
    return isStdinOpen;
  }

  /** Returns what is sent to standard input while the command runs, from its beginning. */
  @Nullable InputStream stdinStream() {
    return stdinStream == null ? null : stdinStream.get();
  }

  boolean isStartAnnounced() {
    return isStartAnnounced;
  }

  /** Returns how many bytes of its output are in memory at most. */
  int outputInMemory() {
    return isOutputKept ? maxOutput : PassedOutput.RESERVED;
  }

  Transcript transcript(Transcript.Spare spare, Duration patience, LongSupplier clock) {
    return isOutputKept
        ? new Transcript(maxOutput, patience, clock)
        : Transcript.passing(PassedOutput.ROOM, PassedOutput.RESERVED, spare, patience, clock);
  }

  Duration startWithin() {
    return startWithin;
  }

  /** Returns the longest time from the command's start to its answer. */
  Duration runsAtMost() {
    return (timeout == null ? USUAL : timeout).plus(SLACK);
  }

  /**
   * Creates the event that asks for the command.
   *
   * @param isWatched whether its output is wanted while it runs
   */
  Exec exec(
      String id,
      UserId user,
      Instant now,
      Instant expiresAt,
      String requestedBy,
      boolean isWatched) {
    return new Exec(
        id,
        user,
        now,
        requestedBy,
        expiresAt,
        program,
        stdin,
        isStdinOpen,
        environment,
        directory,
        timeout,
        maxOutput,
        isWatched || maxOutput > MAX_IN_ANSWER,
        terminal,
        ensure,
        isStartAnnounced,
        profile);
  }
}
