/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Exec;
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
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What to run, and how. Nothing changes a command: each method returns another one.
 *
 * <pre>{@code
 * Command.of("python3", "-").stdin(script).env("LANG", "C.UTF-8").timeout(Duration.ofMinutes(5))
 * }</pre>
 */
public final class Command implements Cloneable {
  /** The most output that can be asked for, in bytes. */
  public static final int MAX_OUTPUT = 16 << 20;

  /** The most output that comes in one answer; with more, it comes while the command runs. */
  private static final int MAX_IN_ANSWER = 256 * 1024;

  private static final Duration USUAL = Duration.ofSeconds(60);

  /** For a worker that ends a command late, and for the way of the answer. */
  private static final Duration SLACK = Duration.ofSeconds(30);

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

  private Command(Exec.Program program) {
    this.program = program;
  }

  /** A program and its arguments; no shell is between. */
  public static Command of(String... arguments) {
    return of(List.of(arguments));
  }

  /** A program and its arguments; no shell is between. */
  public static Command of(List<String> arguments) {
    return new Command(new Exec.Program.Command(arguments));
  }

  /** A script for {@code bash -c}. Put nothing into it that you would not run. */
  public static Command shell(String script) {
    return new Command(new Exec.Program.Shell(script));
  }

  /** Sets an environment variable. */
  public Command env(String name, String value) {
    Map<String, String> more = new LinkedHashMap<>(environment);
    more.put(name, value);
    return with(copy -> copy.environment = Map.copyOf(more));
  }

  /** Where it starts, an absolute path; {@code /workspace} without. */
  public Command cwd(String directory) {
    return with(copy -> copy.directory = directory);
  }

  /**
   * After which it is killed, with all processes that it started: whole seconds, rounded up. The
   * workers' default is 60 s, and they allow an hour unless an operator says otherwise.
   */
  public Command timeout(Duration timeout) {
    Deadline.requirePositive("timeout_seconds", timeout);
    Duration whole = Duration.ofSeconds(timeout.plusNanos(999_999_999).toSeconds());
    return with(copy -> copy.timeout = whole);
  }

  /** How long it may wait for its start, a new sandbox included: 60 s without. */
  public Command startWithin(Duration startWithin) {
    Deadline.requirePositive("startWithin", startWithin);
    return with(copy -> copy.startWithin = startWithin);
  }

  /**
   * How many bytes of output to keep, of both streams together: 256 KiB without, 16 MiB at most.
   */
  public Command maxOutput(int bytes) {
    if (bytes < 0 || bytes > MAX_OUTPUT) {
      throw new InvalidRequestException(
          "max_output_bytes", "max_output_bytes: is " + bytes + "; it must be from 0 to 16 MiB");
    }
    return with(copy -> copy.maxOutput = bytes);
  }

  /** What it reads, as UTF-8. */
  public Command stdin(String text) {
    return stdin(text.getBytes(StandardCharsets.UTF_8));
  }

  /**
   * What it reads. Without this its standard input is empty. More than 256 KiB are passed on while
   * it runs, and such a command is not repeated.
   */
  public Command stdin(byte[] bytes) {
    if (bytes.length <= CommandInput.MAX_BYTES) {
      return withStdin(Data.of(bytes), null, false);
    }
    byte[] copy = bytes.clone();
    return withStdin(Data.EMPTY, () -> new ByteArrayInputStream(copy), true);
  }

  /**
   * What it reads: passed on as it comes, and not closed. Such a command is not repeated, and can
   * be started once; another start is an {@link IllegalStateException}.
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

  /** What it reads is written with {@link RunningCommand#stdin} while it runs. */
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

  /** Not to be run if the user has no sandbox, instead of making one. */
  public Command onlyInExistingSandbox() {
    return with(copy -> copy.ensure = false);
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

  /** Whether the same can be sent again. */
  boolean isRepeatable() {
    return !isStdinOpen;
  }

  boolean isStdinOpen() {
    return isStdinOpen;
  }

  /** What is passed on to its standard input while it runs, from the beginning. */
  @Nullable InputStream stdinStream() {
    return stdinStream == null ? null : stdinStream.get();
  }

  int maxOutput() {
    return maxOutput;
  }

  Duration startWithin() {
    return startWithin;
  }

  /** From its start to its answer at the latest. */
  Duration runsAtMost() {
    return (timeout == null ? USUAL : timeout).plus(SLACK);
  }

  /**
   * The event that asks for it.
   *
   * @param isWatched whether somebody wants its output while it runs
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
        null,
        ensure);
  }
}
