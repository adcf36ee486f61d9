/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

/** A command of {@link CommandRunner} ended by itself with an exit code other than 0. */
final class FailedCommand extends CommandException {
  private static final long serialVersionUID = 1L;

  private final int code;
  private final String said;

  /**
   * @param code the command's exit code
   * @param said what it wrote to standard error, as plain text
   */
  FailedCommand(int code, String said) {
    super(
        ExitCode.FAILED, "in the sandbox: " + (said.isEmpty() ? "exit code " + code : said), null);
    this.code = code;
    this.said = said;
  }

  int code() {
    return code;
  }

  String said() {
    return said.isEmpty() ? "its command ended with exit code " + code : said;
  }
}
