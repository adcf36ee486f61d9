/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

/** Thrown when a command ended, but some of its streamed output did not arrive. */
public final class OutputLostException extends SandboxException {
  private static final long serialVersionUID = 1L;

  private final transient CommandResult result;

  OutputLostException(long missing, CommandResult result) {
    super(
        missing
            + " records of the command's output did not arrive; they may be in the log, 'sandbox"
            + " watch' shows them");
    this.result = result;
  }

  /** Returns how the command ended, with the output before the first gap. */
  public CommandResult result() {
    return result;
  }
}
