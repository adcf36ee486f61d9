/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

/** A request that is answered with an error, in the form that E2B's clients understand. */
public final class E2bException extends RuntimeException {
  private static final long serialVersionUID = 1;

  private final int status;
  private final int retryAfter;

  /** Creates an error with an HTTP status and a message for the caller. */
  E2bException(int status, String message) {
    this(status, message, 0);
  }

  /**
   * @param retryAfter after how many seconds the request may be sent again; 0 if that is not known
   */
  E2bException(int status, String message, int retryAfter) {
    super(message, null, false, false);
    this.status = status;
    this.retryAfter = retryAfter;
  }

  int status() {
    return status;
  }

  int retryAfter() {
    return retryAfter;
  }

  String text() {
    return String.valueOf(getMessage());
  }
}
