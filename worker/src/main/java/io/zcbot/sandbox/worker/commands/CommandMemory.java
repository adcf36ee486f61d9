/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

/**
 * The memory that all commands of a worker share.
 *
 * @param outputs for what they write, beyond the window of each
 * @param inputs for what execs bring and their commands have not read
 * @param laterInputs for what inputs bring, beyond the window of each command
 */
record CommandMemory(MemoryBudget outputs, MemoryBudget inputs, MemoryBudget laterInputs) {
  private static final int OUTPUT_BYTES = 16 * 1024 * 1024;
  private static final int INPUT_BYTES = 8 * 1024 * 1024;
  private static final int LATER_INPUT_BYTES = 4 * 1024 * 1024;

  CommandMemory() {
    this(
        new MemoryBudget(OUTPUT_BYTES),
        new MemoryBudget(INPUT_BYTES),
        new MemoryBudget(LATER_INPUT_BYTES));
  }
}
