/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

/** A command ran into its own time-out and was killed, with all processes that it started. */
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

  /** What it wrote until then. Its exit code is 137, as of a killed process. */
  public CommandResult result() {
    return result;
  }
}
