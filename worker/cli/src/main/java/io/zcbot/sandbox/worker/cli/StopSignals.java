/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.worker.cli.terminal.Signals;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.function.IntConsumer;

/**
 * Lets the first INT, TERM or HUP stop the work of this process in an orderly way. Then the
 * handlers are removed, so the second signal ends the process.
 */
final class StopSignals implements AutoCloseable {
  private final Deque<Signals.Handling> handlings = new ArrayDeque<>();

  /**
   * Installs the handlers.
   *
   * @param stop called on a signal's thread with the exit code of a program that the signal ended
   */
  StopSignals(IntConsumer stop) {
    for (CommandSignal signal : List.of(CommandSignal.INT, CommandSignal.TERM, CommandSignal.HUP)) {
      handlings.push(
          Signals.handle(
              signal.name(),
              () -> {
                close();
                stop.accept(ExitCode.ofSignal(signal.number()));
              }));
    }
  }

  @Override
  public synchronized void close() {
    while (!handlings.isEmpty()) {
      handlings.pop().close();
    }
  }
}
