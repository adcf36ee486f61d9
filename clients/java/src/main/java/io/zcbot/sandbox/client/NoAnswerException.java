/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import org.jspecify.annotations.Nullable;

/**
 * Nothing answered within the deadline. What was asked for may have been done, or may be done
 * later: an ensure expires at its deadline, and a command runs into its time-out.
 */
public final class NoAnswerException extends SandboxException {
  private static final long serialVersionUID = 1L;

  NoAnswerException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
