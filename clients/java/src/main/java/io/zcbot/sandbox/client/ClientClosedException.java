/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

/** The client was closed, which ends all waits. */
public final class ClientClosedException extends SandboxException {
  private static final long serialVersionUID = 1L;

  ClientClosedException() {
    super("the client is closed");
  }
}
