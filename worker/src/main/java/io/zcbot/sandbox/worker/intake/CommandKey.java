/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Input;
import io.zcbot.sandbox.events.UserId;

/**
 * Names a command: no user's input reaches another user's command, whatever id it names.
 *
 * @param execId the {@code event_id} of its exec
 */
record CommandKey(UserId user, String execId) {
  static CommandKey of(Exec exec) {
    return new CommandKey(exec.userId(), exec.eventId());
  }

  static CommandKey of(Input input) {
    return new CommandKey(input.userId(), input.execId());
  }
}
