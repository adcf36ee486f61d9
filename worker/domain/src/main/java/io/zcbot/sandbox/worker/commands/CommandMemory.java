/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Budget;

/**
 * The memory budgets that all commands of a worker share. The window of a command is memory that it
 * has apart from them.
 *
 * @param outputs for output and answers, beyond the window of each command
 * @param streams for streamed output that the log has not acknowledged, beyond the window
 * @param inputs for what execs bring and their commands have not read
 * @param laterInputs for what input events bring, beyond the window
 */
record CommandMemory(
    Budget<UserId> outputs,
    Budget<UserId> streams,
    Budget<UserId> inputs,
    Budget<UserId> laterInputs) {
  /** While an answer waits for room in the producer, its JSON takes four thirds of this. */
  private static final int OUTPUT_BYTES = 12 * 1024 * 1024;

  /**
   * So that eight commands with the longest answers, the default limit, don't wait for each other.
   */
  private static final int OUTPUT_BYTES_OF_USER = 4 * 1024 * 1024;

  /** As much as may be on its way at once, in records that may be a third longer. */
  private static final int STREAM_BYTES = 3 * 1024 * 1024;

  private static final int INPUT_BYTES = 8 * 1024 * 1024;
  private static final int LATER_INPUT_BYTES = 4 * 1024 * 1024;

  CommandMemory() {
    this(
        new Budget<>(OUTPUT_BYTES, OUTPUT_BYTES_OF_USER),
        new Budget<>(STREAM_BYTES),
        new Budget<>(INPUT_BYTES),
        new Budget<>(LATER_INPUT_BYTES));
  }
}
