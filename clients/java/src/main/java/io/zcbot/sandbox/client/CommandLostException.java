/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.Exited;

/**
 * Thrown when a command was started, or may have been, and its end is unknown because its sandbox
 * or its worker ended, or the connection between them broke. Only the caller can decide whether it
 * is safe to run the command again.
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

  /**
   * Returns why the end is unknown: {@code LOST} if the command's worker ended or its connection to
   * the sandbox broke, {@code SANDBOX_GONE} if its sandbox ended.
   */
  public Exited.Reason reason() {
    return reason;
  }

  /** Returns the output as far as it is known. The exit code has no meaning. */
  public CommandResult result() {
    return result;
  }
}
