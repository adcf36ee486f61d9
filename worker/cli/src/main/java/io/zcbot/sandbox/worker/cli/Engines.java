/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineView;
import java.util.List;

/** Calls of the engine for commands: converts a failure to a message for people. */
final class Engines {
  private Engines() {}

  static List<Container> sandboxes(EngineView engine) throws CommandException {
    try {
      return engine.list();
    } catch (EngineException e) {
      throw failed(e);
    }
  }

  static CommandException failed(EngineException e) {
    return new CommandException(
        ExitCode.UNAVAILABLE, "could not use the container engine: " + e.getMessage(), e);
  }
}
