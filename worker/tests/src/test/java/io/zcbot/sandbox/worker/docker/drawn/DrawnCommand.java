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
 * A command and its expected result. Each generator makes one with {@link #of} or {@link #shell},
 * and then sets its other properties. Afterwards nobody changes it.
 */
final class DrawnCommand {
  private final List<String> arguments;
  private Map<String, String> environment = Map.of();
  private @Nullable String directory;
  private Duration timeout = Duration.ofSeconds(50);
  private @Nullable TerminalSize terminal;
  int window = 1 << 20;

  /** The whole input, sent as the command asks for it. */
  Data input = Data.EMPTY;

  /** The intervention once it runs. */
  Meddling meddling = new Meddling.None();

  Data stdout = Data.EMPTY;
  Data stderr = Data.EMPTY;

  /** The end, in the words of {@link #describe}. */
  String end = "exited 0";

  sealed interface Meddling {
    record None() implements Meddling {}

    record Kill() implements Meddling {}

    record Signal(CommandSignal signal) implements Meddling {}
  }

  private DrawnCommand(List<String> arguments) {
    this.arguments = arguments;
  }

  /** A command that succeeds without output. */
  static DrawnCommand of(String... arguments) {
    return new DrawnCommand(List.of(arguments));
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
    stdout = out;
    stderr = err;
    return this;
  }

  DrawnCommand ending(String how) {
    end = how;
    return this;
  }

  DrawnCommand with(Map<String, String> variables) {
    environment = variables;
    return this;
  }

  DrawnCommand in(@Nullable String place) {
    directory = place;
    return this;
  }

  DrawnCommand within(Duration limit) {
    timeout = limit;
    return this;
  }

  DrawnCommand on(TerminalSize size) {
    terminal = size;
    return this;
  }

  DrawnCommand allowed(int bytes) {
    window = bytes;
    return this;
  }

  DrawnCommand reading(Data bytes) {
    input = bytes;
    return this;
  }

  DrawnCommand meddledWith(Meddling how) {
    meddling = how;
    return this;
  }

  CommandRequest request() {
    return new CommandRequest(arguments, environment, directory, timeout, terminal, window);
  }

  /** An end in words, without details that can't be predicted. */
  static String describe(CommandEnd end) {
    return switch (end) {
      case CommandEnd.Exited exited -> "exited " + exited.code();
      case CommandEnd.Signalled signalled -> "signalled " + signalled.number();
      case CommandEnd.Killed killed -> killed.timedOut() ? "timed out" : "killed";
      case CommandEnd.NotStarted no -> "not started" + (no.retryable() ? ", retryable" : "");
      case CommandEnd.Broken broken -> "broken: " + broken.why();
    };
  }

  /** For messages; long text is cut. */
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
