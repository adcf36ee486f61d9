/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.command;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.worker.engine.CommandChannel;
import io.zcbot.sandbox.worker.engine.CommandChannel.Command;
import io.zcbot.sandbox.worker.engine.CommandEnd;
import io.zcbot.sandbox.worker.engine.CommandRequest;
import io.zcbot.sandbox.worker.engine.EngineException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.awaitility.Awaitility;
import org.jspecify.annotations.Nullable;

/** A command in a sandbox, and what the test observes of it. */
public record Trial(Command command, Witness witness) {
  private static final int WINDOW = 1 << 20;

  /** A request with default settings. */
  public static CommandRequest request(String... arguments) {
    return request(Duration.ofMinutes(1), WINDOW, null, arguments);
  }

  public static CommandRequest request(
      Duration timeout, int window, @Nullable TerminalSize terminal, String... arguments) {
    return new CommandRequest(List.of(arguments), Map.of(), null, timeout, terminal, window);
  }

  /** A request whose observer is told the program's process id. */
  public static CommandRequest withPid(String... arguments) {
    return new CommandRequest(
        List.of(arguments), Map.of(), null, Duration.ofMinutes(1), null, WINDOW, false, true);
  }

  public static Trial start(CommandChannel channel, CommandRequest request) throws EngineException {
    Witness witness = new Witness();
    return new Trial(channel.start(request, witness), witness);
  }

  public static Trial bash(CommandChannel channel, String script) throws EngineException {
    return start(channel, request("bash", "-c", script));
  }

  /** Runs the command without input; returns its end. */
  public CommandEnd end() throws Exception {
    command.endInput();
    CommandEnd end = witness.awaitEnd();
    if (!witness.wrong.isEmpty()) {
      throw new AssertionError(witness.wrong);
    }
    return end;
  }

  /** The command's output, if it succeeded. */
  public String said() throws Exception {
    CommandEnd end = end();
    if (!(end instanceof CommandEnd.Exited exited) || exited.code() != 0) {
      throw new AssertionError(end + ": " + witness.stdout() + witness.stderr());
    }
    return witness.stdout().strip();
  }

  /** Sends the given amount of input, as the command accepts it. */
  public void feed(long bytes) throws InterruptedException {
    for (long left = bytes; left > 0; ) {
      int part = witness.takeWanted((int) Math.min(left, 64 << 10));
      command.input(Data.of(new byte[part]));
      left -= part;
    }
  }

  public void type(String text) throws InterruptedException {
    Data data = Data.of(text);
    int taken = witness.takeWanted(data.length());
    if (taken != data.length()) {
      throw new AssertionError("it takes only " + taken);
    }
    command.input(data);
  }

  /** Waits until the command has printed a text. */
  public void awaitOutput(String text) {
    Awaitility.await()
        .atMost(Duration.ofSeconds(90))
        .untilAsserted(() -> assertThat(witness.stdout()).contains(text));
  }
}
