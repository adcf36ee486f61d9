/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.io.IOException;

/** Carries the failure of a command in a sandbox through code that declares only IOException. */
final class SandboxIoException extends IOException {
  private static final long serialVersionUID = 1L;

  private final CommandException failure;

  SandboxIoException(CommandException failure) {
    super(failure.getMessage(), failure);
    this.failure = failure;
  }

  CommandException failure() {
    return failure;
  }
}
