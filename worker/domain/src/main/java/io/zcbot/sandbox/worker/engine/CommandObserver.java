/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.OutputStreamName;

/**
 * Is notified of what happens to a command, by one thread at a time, in order. No method may block,
 * because other commands of the sandbox wait for it. The caller must hold no lock that the
 * channel's methods need, because observers call those.
 */
public interface CommandObserver {
  /**
   * The program runs.
   *
   * @param pid its process id as the sandbox sees it; 0 if the request did not ask for it, or if
   *     the sandbox does not tell it
   */
  void started(int pid);

  /** The command wrote something, within what it was allowed. */
  void output(OutputStreamName stream, Data data);

  /** The command takes so many more bytes of standard input. */
  void inputWanted(int bytes);

  /** The command ended. This is the last call. */
  void ended(CommandEnd end);
}
