/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.TerminalSize;
import io.zcbot.sandbox.worker.cli.terminal.Signals;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Forwards signals, the terminal's size and standard input of this process to a running command.
 * Signal handlers and the reader of the input run on threads of their own.
 */
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

  /**
   * Forwards INT, TERM and HUP to the command instead of ending this process, until this is closed.
   * If the user insists, ends the wait: see {@link Interrupts}. The next signal then ends this
   * process, since the thread that waits does not notice while nobody reads what it writes.
   */
  synchronized void forwardSignals() {
    Interrupts interrupts = new Interrupts();
    for (CommandSignal signal :
        new CommandSignal[] {CommandSignal.INT, CommandSignal.TERM, CommandSignal.HUP}) {
      handlings.push(
          Signals.handle(
              signal.name(),
              () -> {
                CommandSignal wanted = interrupts.next(signal, System.nanoTime());
                if (wanted == null) {
                  leave(signal);
                } else {
                  send(new Input.Content.Signal(wanted));
                }
              }));
    }
  }

  /**
   * Forwards changes of the terminal's size, also one from before this call.
   *
   * @param known the size that the command already has
   * @param current looks at the terminal; null if its size is unknown
   */
  void forwardSize(TerminalSize known, Supplier<@Nullable TerminalSize> current) {
    // each signal has a thread of its own, and the last one must tell the newest size
    Runnable forward =
        new Runnable() {
          private TerminalSize sent = known;

          @Override
          public synchronized void run() {
            TerminalSize size = current.get();
            if (size != null && !size.equals(sent)) {
              sent = size;
              send(new Input.Content.Resize(size));
            }
          }
        };
    synchronized (this) {
      handlings.push(Signals.handle("WINCH", forward));
    }
    var _ = Thread.ofPlatform().name("size").daemon().start(forward); // it may wait for Kafka
  }

  /** Forwards standard input on a background thread until it ends. */
  void forwardInput(InputStream from) {
    var _ =
        Thread.ofPlatform()
            .name("input")
            .daemon() // a blocked read of standard input can't be interrupted
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
   * Forwards what is typed on a raw terminal, where Ctrl-C is a key like any other. Until the
   * command has sent something, perhaps nobody reads the keys, so the second Ctrl-C ends the wait.
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
                leave(CommandSignal.INT);
              }
            }
            return count;
          }
        });
  }

  private void leave(CommandSignal signal) {
    session.leave(ExitCode.ofSignal(signal.number()));
    removeHandlers();
  }

  private synchronized void removeHandlers() {
    while (!handlings.isEmpty()) {
      handlings.pop().close();
    }
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

  /**
   * Removes the signal handlers. If standard input was unreadable, also sends HUP to the command;
   * not earlier, because the command's end would hide that failure.
   */
  @Override
  public void close() {
    isClosed = true;
    if (isUnreadable) {
      send(new Input.Content.Signal(CommandSignal.HUP));
    }
    removeHandlers();
  }
}
