/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.TerminalSize;

/**
 * The commands of one sandbox. What comes through it is said by the sandbox and may be hostile: it
 * is bounded, and names no command that was not started here. When the channel breaks, each of its
 * commands ends with {@link CommandEnd.Broken}.
 *
 * <p>No method blocks for longer than it takes to hand over what it is given.
 */
public interface CommandChannel extends AutoCloseable {
  /**
   * Starts a command. What becomes of it is told to the observer, beginning perhaps before this
   * returns.
   *
   * @throws EngineException if the channel is broken, or takes nothing more just now; nothing was
   *     started then, and the observer is told nothing
   */
  Command start(CommandRequest request, CommandObserver observer) throws EngineException;

  /** Whether commands can be started. */
  boolean isOpen();

  /** Breaks the channel. Commands that run go on until the next channel is opened. */
  @Override
  void close();

  /** A command that was started. After its end, nothing here has an effect. */
  interface Command {
    /** More standard input: not more than {@link CommandObserver#inputWanted} asked for. */
    void input(Data data);

    /** Standard input ends. */
    void endInput();

    /** Sends a signal to the command's process group, or to its terminal's foreground group. */
    void signal(CommandSignal signal);

    /** Gives its terminal another size; without effect if it has none. */
    void resize(TerminalSize size);

    /** Kills its whole process tree. */
    void kill();

    /** Allows it so many more bytes of output, beyond those of {@link CommandRequest#window}. */
    void allowOutput(int bytes);

    /**
     * Nothing more that it writes is wanted: it may write what it likes without being allowed to,
     * and the observer is not told of it.
     */
    void discardOutput();
  }
}
