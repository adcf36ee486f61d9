/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.Exited;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/** Thrown when a command was not started. Nothing ran. */
public final class CommandNotStartedException extends SandboxException {
  private static final long serialVersionUID = 1L;

  private final Exited.Reason reason;
  private final boolean retryable;
  private final @Nullable Integer exitCode;
  private final transient Exited exited;

  CommandNotStartedException(Exited exited) {
    super(
        "the command was not started ("
            + exited.reason().wire()
            + ")"
            + (exited.message() == null ? "" : ": " + exited.message()));
    this.reason = exited.reason();
    this.retryable = exited.retryable();
    this.exitCode = exited.exitCode();
    this.exited = exited;
  }

  /** Returns why the command was not started. */
  public Exited.Reason reason() {
    return reason;
  }

  /** Returns whether the same command can succeed later without anyone changing anything. */
  public boolean isRetryable() {
    return retryable;
  }

  /**
   * Returns the exit code of shells if the program could not be executed: 127 if there is no such
   * program, otherwise 126. Empty if the command was not started for another reason.
   */
  public OptionalInt exitCode() {
    return exitCode == null ? OptionalInt.empty() : OptionalInt.of(exitCode);
  }

  Exited exited() {
    return exited;
  }
}
