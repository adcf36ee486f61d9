/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

/**
 * Thrown for a request or an option that is not valid, so that no worker would accept it. Nothing
 * was published.
 */
public final class InvalidRequestException extends SandboxException {
  private static final long serialVersionUID = 1L;

  private final String field;

  InvalidRequestException(String field, String message) {
    super(message);
    this.field = field;
  }

  /** Returns the name of the invalid field of the event, or of the invalid parameter. */
  public String field() {
    return field;
  }
}
