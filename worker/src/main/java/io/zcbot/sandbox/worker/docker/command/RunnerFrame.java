/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.command;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.worker.engine.CommandEnd;

/** What a runner says of a command. */
sealed interface RunnerFrame {
  /** The number that the command was given when it was started. */
  int command();

  /** Its program runs. */
  record Started(int command) implements RunnerFrame {}

  /** It wrote something. */
  record Output(int command, OutputStreamName stream, Data data) implements RunnerFrame {}

  /** It takes so many more bytes of standard input. */
  record InputWanted(int command, int bytes) implements RunnerFrame {}

  /**
   * It never began.
   *
   * @param errno the kernel's error number
   * @param step the keyword for what failed
   */
  record NotStarted(int command, int errno, String step) implements RunnerFrame {}

  /** It ended. */
  record Ended(int command, CommandEnd end) implements RunnerFrame {}
}
