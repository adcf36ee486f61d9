/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.OutputStreamName;

/**
 * Is told what happens to a command, by one thread at a time, in order. No method may block,
 * because other commands of the sandbox wait for it. The caller must hold no lock that the
 * channel's methods need, because observers call those.
 */
public interface CommandObserver {
  /** The program runs. */
  void started();

  /** The command wrote something, within what it was allowed. */
  void output(OutputStreamName stream, Data data);

  /** The command takes so many more bytes of standard input. */
  void inputWanted(int bytes);

  /** The command ended. This is the last call. */
  void ended(CommandEnd end);
}
