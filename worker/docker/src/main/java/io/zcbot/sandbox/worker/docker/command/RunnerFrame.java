/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker.command;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.worker.engine.CommandEnd;

/** A frame in which a runner reports about a command. */
sealed interface RunnerFrame {
  /** The number that the command was given when it was started. */
  int command();

  /**
   * The command's program runs.
   *
   * @param pid its process id; 0 if that was not asked for, or is not known
   */
  record Started(int command, int pid) implements RunnerFrame {}

  /** The command wrote output. */
  record Output(int command, OutputStreamName stream, Data data) implements RunnerFrame {}

  /** The command can take that many more bytes of standard input. */
  record InputWanted(int command, int bytes) implements RunnerFrame {}

  /**
   * The command could not be started.
   *
   * @param errno the kernel's error number
   * @param step the keyword of the step that failed
   */
  record NotStarted(int command, int errno, String step) implements RunnerFrame {}

  /** The command ended. */
  record Ended(int command, CommandEnd end) implements RunnerFrame {}
}
