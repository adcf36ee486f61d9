/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.worker.cli.terminal.ControllingTerminal;
import io.zcbot.sandbox.worker.cli.terminal.Signals;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.atomic.AtomicReference;

/** Passes on to a running command what this process gets. */
final class ExecForwarding implements AutoCloseable {
  private static final byte CTRL_C = 3;

  private final CommandInput input;
  private final ExecSession session;
  private final Deque<Signals.Handling> handlings = new ArrayDeque<>();
  private volatile boolean isClosed;
  private volatile boolean isUnreadable;

  ExecForwarding(CommandInput input, ExecSession session) {
    this.input = input;
    this.session = session;
  }

  /** Until this is closed, no signal ends the process, unless somebody insists. */
  void forwardSignals() {
    Interrupts interrupts = new Interrupts();
    for (CommandSignal signal :
        new CommandSignal[] {CommandSignal.INT, CommandSignal.TERM, CommandSignal.HUP}) {
      handlings.push(
          Signals.handle(
              signal.name(),
              () -> {
                CommandSignal wanted = interrupts.next(signal, System.nanoTime());
                if (wanted == null) {
                  session.leave(ExitCode.ofSignal(signal.number()));
                } else {
                  send(new Input.Content.Signal(wanted));
                }
              }));
    }
  }

  /**
   * Tells the command when the terminal has another size.
   *
   * @param known the size that the command was told before
   */
  void forwardSize(TerminalSize known) {
    AtomicReference<TerminalSize> told = new AtomicReference<>(known);
    handlings.push(
        Signals.handle(
            "WINCH",
            () -> {
              TerminalSize size = ControllingTerminal.size();
              if (size != null && !size.equals(told.getAndSet(size))) {
                send(new Input.Content.Resize(size));
              }
            }));
  }

  /** Passes standard input on until it ends, in the background. */
  void forwardInput(InputStream from) {
    var _ =
        Thread.ofPlatform()
            .name("input")
            .daemon() // blocked in a read that nothing ends
            .start(
                () -> {
                  try {
                    input.pipe(from);
                  } catch (IOException e) {
                    isUnreadable = true;
                    failed(
                        new CommandException(
                            ExitCode.FAILED,
                            "standard input can't be read ("
                                + e.getMessage()
                                + "); the command is sent HUP",
                            e));
                  } catch (CommandException e) {
                    failed(e);
                  } catch (InterruptedException _) {
                    Thread.currentThread().interrupt();
                  }
                });
  }

  /**
   * Passes on what is typed on a raw terminal, where Ctrl-C is a key like another one. As long as
   * nothing came from the command, perhaps nobody reads the keys, so the second Ctrl-C leaves.
   */
  void forwardKeys(InputStream terminal) {
    forwardInput(
        new FilterInputStream(terminal) {
          private int interrupts;

          @Override
          public int read(byte[] to, int from, int length) throws IOException {
            int count = super.read(to, from, length);
            for (int i = from; i < from + count; i++) {
              if (to[i] == CTRL_C && !session.hasAnswered() && ++interrupts == 2) {
                session.leave(ExitCode.ofSignal(CommandSignal.INT.number()));
              }
            }
            return count;
          }
        });
  }

  private void send(Input.Content content) {
    try {
      input.send(content);
    } catch (CommandException e) {
      failed(e);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }

  private void failed(CommandException e) {
    if (!isClosed) {
      session.fail(e);
    }
  }

  /** Also ends a command whose input can't be read: not before, or its end would hide the cause. */
  @Override
  public void close() {
    isClosed = true;
    if (isUnreadable) {
      send(new Input.Content.Signal(CommandSignal.HUP));
    }
    handlings.forEach(Signals.Handling::close);
  }
}
