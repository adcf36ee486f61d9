/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.Exited;

/**
 * A command was started, or may have been, and its end is not known: its sandbox or its worker
 * ended. Whether to run it again is for the caller to say, who knows what it does.
 */
public final class CommandLostException extends SandboxException {
  private static final long serialVersionUID = 1L;

  private final Exited.Reason reason;
  private final transient CommandResult result;

  CommandLostException(Exited exited, CommandResult result) {
    super(
        "the command's end is not known ("
            + exited.reason().wire()
            + "); it may have run"
            + (exited.message() == null ? "" : ": " + exited.message()));
    this.reason = exited.reason();
    this.result = result;
  }

  /** {@code LOST}: its worker ended. {@code SANDBOX_GONE}: its sandbox ended. */
  public Exited.Reason reason() {
    return reason;
  }

  /** What it wrote as far as is known. Its exit code means nothing. */
  public CommandResult result() {
    return result;
  }
}
