/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import org.jspecify.annotations.Nullable;

/**
 * Thrown when there was no answer within the deadline. The request may have been fulfilled, or may
 * be fulfilled later: an ensure expires at its deadline, and a command ends at its time-out.
 */
public final class NoAnswerException extends SandboxException {
  private static final long serialVersionUID = 1L;

  NoAnswerException(String message, @Nullable Throwable cause) {
    super(message, cause);
  }
}
