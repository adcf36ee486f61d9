/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import org.jspecify.annotations.Nullable;

/** The topics do not meet the requirements, or could not be checked. */
public final class TopicsException extends Exception {
  private static final long serialVersionUID = 1L;

  private enum Kind {
    REFUSAL,
    PASSING,
    SETTLING
  }

  private final Kind kind;

  private TopicsException(Kind kind, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.kind = kind;
  }

  static TopicsException refusal(String message, @Nullable Throwable cause) {
    return new TopicsException(Kind.REFUSAL, message, cause);
  }

  static TopicsException passing(String message, @Nullable Throwable cause) {
    return new TopicsException(Kind.PASSING, message, cause);
  }

  /** New topics have not reached all brokers yet; the check is repeated. */
  static TopicsException settling(String message) {
    return new TopicsException(Kind.SETTLING, message, null);
  }

  /** Whether somebody has to change something first; otherwise a retry may succeed. */
  public boolean isFinal() {
    return kind == Kind.REFUSAL;
  }

  boolean isSettling() {
    return kind == Kind.SETTLING;
  }

  /** The message; never null. */
  @Override
  public String getMessage() {
    return String.valueOf(super.getMessage());
  }
}
