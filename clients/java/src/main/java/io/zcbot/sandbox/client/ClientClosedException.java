/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

/**
 * Thrown by calls that wait when the client is closed, and by all calls afterwards. A command may
 * have run.
 */
public final class ClientClosedException extends SandboxException {
  private static final long serialVersionUID = 1L;

  ClientClosedException() {
    super("the client is closed");
  }
}
