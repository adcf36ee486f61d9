/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.CommandEngine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.Fence;
import org.jspecify.annotations.Nullable;

/**
 * How commands are run.
 *
 * @param off why none is; null if they are
 */
public record CommandSetup(
    CommandEngine engine, CommandTable table, CommandLimits limits, @Nullable String off) {
  /** Commands are run. */
  public CommandSetup(CommandEngine engine, CommandTable table, CommandLimits limits) {
    this(engine, table, limits, null);
  }

  /** No command is run; execs are rejected, and entries of former owners answered all the same. */
  public static CommandSetup off(String why, CommandTable table) {
    CommandEngine none =
        _ -> {
          throw new EngineException(EngineException.Kind.REJECTED, "command", why, null);
        };
    return new CommandSetup(none, table, CommandLimits.DEFAULT, why);
  }

  /** Where there are neither commands nor a table of them. */
  public static final CommandSetup NONE =
      off(
          "this worker runs no commands",
          new CommandTable() {
            @Override
            public void started(CommandEntry entry, Fence fence) {}

            @Override
            public void answered(CommandEntry entry) {}

            @Override
            public void remove(UserId user, String execId) {}
          });
}
