/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.OutputStreamName;

/**
 * Told what becomes of a command, by one thread at a time, in order. No method may block: other
 * commands of the sandbox wait for it. Whoever calls it holds no lock that the channel's methods
 * need, because an observer calls those.
 */
public interface CommandObserver {
  /** Its program runs. */
  void started();

  /** It wrote something, within what it was allowed. */
  void output(OutputStreamName stream, Data data);

  /** It takes so many more bytes of standard input. */
  void inputWanted(int bytes);

  /** It ended; the last that is told. */
  void ended(CommandEnd end);
}
