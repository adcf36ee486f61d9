/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.UserId;

/**
 * Thrown when a command was attached to that does not run: it has ended, was never started, or has
 * not started yet.
 */
public final class CommandNotRunningException extends SandboxException {
  private static final long serialVersionUID = 1L;

  CommandNotRunningException(UserId user, String execId) {
    super(
        "exec " + execId + " of " + user + " does not run: it has ended or has not started", null);
  }
}
