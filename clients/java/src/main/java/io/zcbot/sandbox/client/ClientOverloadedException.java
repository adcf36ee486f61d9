/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

/**
 * Thrown when one of the bounds in {@link ClientOptions} was reached until a request's deadline, or
 * too many commands of the user wait for their turn. Nothing was sent.
 */
public final class ClientOverloadedException extends SandboxException {
  private static final long serialVersionUID = 1L;

  ClientOverloadedException(String message) {
    super(message);
  }
}
