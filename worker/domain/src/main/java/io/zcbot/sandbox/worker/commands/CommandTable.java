/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.FencedException;

/**
 * The command table in the log: commands that were started, or were about to be, and whose execs
 * may be read again or are not answered. An entry keeps the next owner of a partition from starting
 * a command again.
 */
public interface CommandTable {
  /**
   * Enters a command that is about to start. Blocks until the log has the entry.
   *
   * @param fence passed before each try
   * @throws InterruptedException if the worker stops first
   */
  void started(CommandEntry entry, Fence fence) throws FencedException, InterruptedException;

  /** Marks a command as answered. Returns at once; the write is repeated until the log has it. */
  void answered(CommandEntry entry);

  /** Removes the entry of an exec that is answered and will not be read again. Returns at once. */
  void remove(UserId user, String execId);
}
