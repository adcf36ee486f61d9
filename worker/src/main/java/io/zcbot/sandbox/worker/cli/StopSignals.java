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
 * Lets the first signal stop the work of this process in order. The second one ends the process.
 */
final class StopSignals implements AutoCloseable {
  private final Deque<Signals.Handling> handlings = new ArrayDeque<>();

  /**
   * Handles signals from now on.
   *
   * @param stop gets the exit code of a program that such a signal ended
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
