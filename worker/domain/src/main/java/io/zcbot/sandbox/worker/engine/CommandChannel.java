/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

import io.zcbot.sandbox.events.CommandSignal;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.TerminalSize;

/**
 * The channel to the commands of one sandbox. What comes through it is sent by the sandbox and may
 * be hostile, so it is bounded, and concerns only commands that were started here. When the channel
 * breaks, each of its commands ends with {@link CommandEnd.Broken}.
 *
 * <p>Methods block no longer than it takes to hand over their arguments.
 */
public interface CommandChannel extends AutoCloseable {
  /**
   * Starts a command. The observer is notified of what happens to it, perhaps before this method
   * returns.
   *
   * @throws EngineException if the channel is broken, or can take no more at the moment; nothing
   *     was started then, and the observer is not called
   */
  Command start(CommandRequest request, CommandObserver observer) throws EngineException;

  /** Whether commands can be started. */
  boolean isOpen();

  /**
   * Breaks the channel. Running commands go on until the next channel is opened, which kills them.
   */
  @Override
  void close();

  /** A command that was started. After its end, its methods have no effect. */
  interface Command {
    /** Sends standard input, not more than {@link CommandObserver#inputWanted} asked for. */
    void input(Data data);

    /** Ends standard input. */
    void endInput();

    /**
     * Sends a signal to the command's process group, or to its terminal's foreground group. SIGHUP
     * and SIGKILL go to both.
     */
    void signal(CommandSignal signal);

    /** Sets the size of its terminal; without effect if it has none. */
    void resize(TerminalSize size);

    /** Kills its whole process tree. */
    void kill();

    /** Allows it so many more bytes of output, in addition to {@link CommandRequest#window}. */
    void allowOutput(int bytes);

    /**
     * Discards all further output: the command may write without being allowed to, and the observer
     * is not called with it.
     */
    void discardOutput();
  }
}
