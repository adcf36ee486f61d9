/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

/**
 * The memory that all commands of a worker share.
 *
 * @param outputs for what they write and their answers bring, beyond the window of each
 * @param streams for what they write and the log has not acknowledged, beyond the window of each
 * @param inputs for what execs bring and their commands have not read
 * @param laterInputs for what inputs bring, beyond the window of each command
 */
record CommandMemory(
    MemoryBudget outputs, MemoryBudget streams, MemoryBudget inputs, MemoryBudget laterInputs) {
  private static final int OUTPUT_BYTES = 16 * 1024 * 1024;

  /**
   * All answers go through the producer that has these bytes, in records that may be longer by a
   * third: at most half of what it may hold.
   */
  private static final int STREAM_BYTES = 3 * 1024 * 1024;

  private static final int INPUT_BYTES = 8 * 1024 * 1024;
  private static final int LATER_INPUT_BYTES = 4 * 1024 * 1024;

  CommandMemory() {
    this(
        new MemoryBudget(OUTPUT_BYTES),
        new MemoryBudget(STREAM_BYTES),
        new MemoryBudget(INPUT_BYTES),
        new MemoryBudget(LATER_INPUT_BYTES));
  }
}
