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
 * How this worker runs commands.
 *
 * @param off why it runs none; null if it does
 */
public record CommandSetup(
    CommandEngine engine, CommandTable table, CommandLimits limits, @Nullable String off) {
  /** A setup that runs commands. */
  public CommandSetup(CommandEngine engine, CommandTable table, CommandLimits limits) {
    this(engine, table, limits, null);
  }

  /**
   * A setup that runs no commands. Execs are rejected; entries of former owners are still answered.
   */
  public static CommandSetup off(String why, CommandTable table) {
    CommandEngine none =
        _ -> {
          throw new EngineException(EngineException.Kind.REJECTED, "command", why, null);
        };
    return new CommandSetup(none, table, CommandLimits.DEFAULT, why);
  }

  /** A setup with neither commands nor a command table. */
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
