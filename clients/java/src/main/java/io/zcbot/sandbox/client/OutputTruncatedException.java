/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

/**
 * Thrown by {@link CommandResult#stdout} if output of the command was dropped, because it was more
 * than {@link Command#maxOutput(int)}. The command ran to its end.
 */
public final class OutputTruncatedException extends SandboxException {
  private static final long serialVersionUID = 1L;

  private final transient CommandResult result;

  OutputTruncatedException(CommandResult result) {
    super(
        "the command's output was cut off: "
            + (result.output().length() + result.errorOutput().length())
            + " bytes are left of it; stdoutBytes() returns them. Keep more with"
            + " Command.maxOutput(), at most 16 MiB, or let the command write a file and read it"
            + " with SandboxFiles.read()");
    this.result = result;
  }

  /** Returns how the command ended, and the output that is left. */
  public CommandResult result() {
    return result;
  }
}
