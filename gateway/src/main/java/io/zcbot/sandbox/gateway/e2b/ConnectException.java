/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

/** A call of the Connect protocol that ends with an error. */
final class ConnectException extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** The codes of the protocol that the gateway uses, with the HTTP status of unary calls. */
  enum Code {
    CANCELED(499),
    INVALID_ARGUMENT(400),
    DEADLINE_EXCEEDED(504),
    NOT_FOUND(404),
    ALREADY_EXISTS(409),
    PERMISSION_DENIED(403),
    RESOURCE_EXHAUSTED(429),
    UNIMPLEMENTED(501),
    INTERNAL(500),
    UNAVAILABLE(503),
    UNAUTHENTICATED(401);

    private final int status;

    Code(int status) {
      this.status = status;
    }

    int status() {
      return status;
    }

    String wire() {
      return name().toLowerCase(java.util.Locale.ROOT);
    }
  }

  private final Code code;
  private final int retryAfter;

  ConnectException(Code code, String message) {
    this(code, message, 0);
  }

  /**
   * @param retryAfter after how many seconds to try again; 0 if that is not said
   */
  ConnectException(Code code, String message, int retryAfter) {
    super(message, null, false, false);
    this.code = code;
    this.retryAfter = retryAfter;
  }

  int retryAfter() {
    return retryAfter;
  }

  Code code() {
    return code;
  }

  String text() {
    return String.valueOf(getMessage());
  }
}
