/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

/** A request that no worker would accept. Nothing was published. */
public final class InvalidRequestException extends SandboxException {
  private static final long serialVersionUID = 1L;

  private final String field;

  InvalidRequestException(String field, String message) {
    super(message);
    this.field = field;
  }

  /** What is invalid: the name of a field of the event, or of a parameter. */
  public String field() {
    return field;
  }
}
