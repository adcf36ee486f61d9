/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.UserId;

/**
 * Identifies a command. The user is part of the key, because agents choose the ids of execs: no
 * user's input may reach another user's command.
 *
 * @param execId the {@code event_id} of the exec
 */
public record CommandKey(UserId user, String execId) {
  /** The command that an exec asks for. */
  public static CommandKey of(Exec exec) {
    return new CommandKey(exec.userId(), exec.eventId());
  }

  /** The command that an input is for. */
  public static CommandKey of(Input input) {
    return new CommandKey(input.userId(), input.execId());
  }

  /** The command of an entry in the command table. */
  static CommandKey of(CommandEntry entry) {
    return new CommandKey(entry.userId(), entry.execId());
  }
}
