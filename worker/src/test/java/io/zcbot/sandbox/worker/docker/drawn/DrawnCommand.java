/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.drawn;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.worker.engine.CommandEnd;
import io.zcbot.sandbox.worker.engine.CommandRequest;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * A command, and what comes of it.
 *
 * @param input all that it is given, as it asks for it
 * @param meddling what is done to it once it runs
 * @param end as {@link #describe} says it
 */
record DrawnCommand(
    List<String> arguments,
    Map<String, String> environment,
    @Nullable String directory,
    Duration timeout,
    @Nullable TerminalSize terminal,
    int window,
    Data input,
    Meddling meddling,
    Data stdout,
    Data stderr,
    String end) {
  private static final Duration LONG = Duration.ofSeconds(50);

  sealed interface Meddling {
    record None() implements Meddling {}

    record Kill() implements Meddling {}

    record Signal(CommandSignal signal) implements Meddling {}
  }

  /** One that ends well and says nothing. */
  static DrawnCommand of(String... arguments) {
    return new DrawnCommand(
        List.of(arguments),
        Map.of(),
        null,
        LONG,
        null,
        1 << 20,
        Data.EMPTY,
        new Meddling.None(),
        Data.EMPTY,
        Data.EMPTY,
        "exited 0");
  }

  static DrawnCommand shell(String script, String... arguments) {
    String[] all = new String[arguments.length + 4];
    all[0] = "sh";
    all[1] = "-c";
    all[2] = script;
    all[3] = "sh";
    System.arraycopy(arguments, 0, all, 4, arguments.length);
    return of(all);
  }

  DrawnCommand saying(String text) {
    return saying(Data.of(text), stderr);
  }

  DrawnCommand saying(Data out, Data err) {
    return new DrawnCommand(
        arguments,
        environment,
        directory,
        timeout,
        terminal,
        window,
        input,
        meddling,
        out,
        err,
        end);
  }

  DrawnCommand ending(String how) {
    return new DrawnCommand(
        arguments,
        environment,
        directory,
        timeout,
        terminal,
        window,
        input,
        meddling,
        stdout,
        stderr,
        how);
  }

  DrawnCommand with(Map<String, String> variables) {
    return new DrawnCommand(
        arguments, variables, directory, timeout, terminal, window, input, meddling, stdout, stderr,
        end);
  }

  DrawnCommand in(@Nullable String place) {
    return new DrawnCommand(
        arguments,
        environment,
        place,
        timeout,
        terminal,
        window,
        input,
        meddling,
        stdout,
        stderr,
        end);
  }

  DrawnCommand within(Duration limit) {
    return new DrawnCommand(
        arguments,
        environment,
        directory,
        limit,
        terminal,
        window,
        input,
        meddling,
        stdout,
        stderr,
        end);
  }

  DrawnCommand on(TerminalSize size) {
    return new DrawnCommand(
        arguments,
        environment,
        directory,
        timeout,
        size,
        window,
        input,
        meddling,
        stdout,
        stderr,
        end);
  }

  DrawnCommand allowed(int bytes) {
    return new DrawnCommand(
        arguments,
        environment,
        directory,
        timeout,
        terminal,
        bytes,
        input,
        meddling,
        stdout,
        stderr,
        end);
  }

  DrawnCommand reading(Data bytes) {
    return new DrawnCommand(
        arguments,
        environment,
        directory,
        timeout,
        terminal,
        window,
        bytes,
        meddling,
        stdout,
        stderr,
        end);
  }

  DrawnCommand meddledWith(Meddling how) {
    return new DrawnCommand(
        arguments,
        environment,
        directory,
        timeout,
        terminal,
        window,
        input,
        how,
        stdout,
        stderr,
        end);
  }

  CommandRequest request() {
    return new CommandRequest(arguments, environment, directory, timeout, terminal, window);
  }

  /** An end in words, without what can't be known before. */
  static String describe(CommandEnd end) {
    return switch (end) {
      case CommandEnd.Exited exited -> "exited " + exited.code();
      case CommandEnd.Signalled signalled -> "signalled " + signalled.number();
      case CommandEnd.Killed killed ->
          (killed.timedOut() ? "timed out" : "killed")
              + (killed.survivors() == 0 ? "" : ", " + killed.survivors() + " survive");
      case CommandEnd.NotStarted no -> "not started" + (no.retryable() ? ", retryable" : "");
      case CommandEnd.Broken broken -> "broken: " + broken.why();
    };
  }

  /** For messages; what is long is cut. */
  @Override
  public String toString() {
    String words = arguments + " " + environment + " in " + directory;
    return (words.length() > 500 ? words.substring(0, 500) + "…" : words)
        + ", within "
        + timeout
        + ", window "
        + window
        + ", "
        + input
        + " of input, "
        + meddling;
  }
}
