/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

/** What became of an input. */
public enum Taken {
  /** The command has it, or will never read it because its input or the command ended. */
  TAKEN,
  /** The command's buffer has no room for these bytes; they must be offered again. */
  FULL,
  /** The user has no such command here. */
  UNKNOWN
}
