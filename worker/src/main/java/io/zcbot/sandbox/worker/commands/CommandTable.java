/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;

/** The log's table of commands that were started and may not be answered. */
public interface CommandTable {
  /**
   * Enters a command that is about to start, and returns once the log has the entry.
   *
   * @param fence passed before each try
   * @throws InterruptedException if the worker stops first
   */
  void started(CommandEntry entry, Fence fence) throws FencedException, InterruptedException;

  /** Notes that a command is answered. Returns at once; repeated until the log has it. */
  void answered(CommandEntry entry);

  /** Removes an entry whose exec is answered and will not be read again. Returns at once. */
  void remove(UserId user, String execId);
}
