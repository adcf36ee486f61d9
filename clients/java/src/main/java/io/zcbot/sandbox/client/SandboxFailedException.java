/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.Failed;

/** Thrown when a user got no sandbox, because an ensure was answered {@code failed}. */
public final class SandboxFailedException extends SandboxException {
  private static final long serialVersionUID = 1L;

  private final Failed.Reason reason;
  private final boolean retryable;

  SandboxFailedException(Failed failed) {
    super("no sandbox (" + failed.reason().wire() + "): " + failed.message());
    this.reason = failed.reason();
    this.retryable = failed.retryable();
  }

  /** Returns why there is no sandbox. */
  public Failed.Reason reason() {
    return reason;
  }

  /**
   * Returns whether the same request can succeed later without anyone changing anything. The client
   * has repeated it until its deadline.
   */
  public boolean isRetryable() {
    return retryable;
  }
}
