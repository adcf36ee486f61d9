/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.interpreter;

/** A request that the interpreter does not serve. */
public final class InterpreterException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private static final int MISSING = 501;

  private final int status;

  InterpreterException(int status, String message) {
    super(message, null, false, false);
    this.status = status;
  }

  static InterpreterException missing() {
    return new InterpreterException(
        MISSING,
        "this sandbox has no code interpreter: run workers with ZCBOT_SANDBOX_IMAGE="
            + Interpreter.IMAGE);
  }

  /** Returns what HTTP says of it. */
  public int status() {
    return status;
  }

  /** Returns whether the sandbox's image has no interpreter. */
  public boolean isMissing() {
    return status == MISSING;
  }

  /** Returns the message. */
  public String text() {
    return String.valueOf(getMessage());
  }
}
