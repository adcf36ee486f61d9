/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

/**
 * Thrown when a command exceeded its {@link Command#timeout} and was killed with all processes that
 * it started.
 */
public final class CommandTimeoutException extends SandboxException {
  private static final long serialVersionUID = 1L;

  private final transient CommandResult result;

  CommandTimeoutException(CommandResult result) {
    super(
        "the command was killed at its time-out, after "
            + result.took().toMillis()
            + " ms; give it a longer one with Command.timeout()");
    this.result = result;
  }

  /** Returns the output up to then. The exit code is 137, as of a killed process. */
  public CommandResult result() {
    return result;
  }
}
