/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

/**
 * Turns the failure of a command of {@link FileCommands} into an exception. The exit code is the
 * reason; these codes are the same in the Python client and in {@code sandbox cp}.
 */
final class FileFailure {
  static final int NOT_FOUND = 41;
  static final int EXISTS = 42;
  static final int NOT_PERMITTED = 43;
  static final int NO_SPACE = 44;
  static final int IS_DIRECTORY = 45;
  static final int NOT_DIRECTORY = 46;

  private static final int MOST_SHOWN = 500;

  private FileFailure() {}

  /**
   * Returns the exception.
   *
   * @param action what was tried, such as {@code read}
   * @param path the path as the caller gave it
   */
  static SandboxFileException of(String action, String path, CommandResult result) {
    String tried = "could not " + action + " '" + printable(path) + "': ";
    return switch (result.exitCode()) {
      case NOT_FOUND ->
          new SandboxFileException.NotFound(
              path,
              tried,
              "there is no such file or directory; check the path, which begins in /workspace if it"
                  + " is relative");
      case EXISTS ->
          new SandboxFileException.Exists(
              path, tried, "it exists already; choose another name, or remove it first");
      case NOT_PERMITTED ->
          new SandboxFileException.NotPermitted(
              path,
              tried,
              "the sandbox's user is not permitted to do that there; use a path in /workspace or"
                  + " /tmp, or change the permissions by a command");
      case NO_SPACE ->
          new SandboxFileException.NoSpace(
              path,
              tried,
              "no space is left there; remove files in the sandbox, or ask the operator for more");
      case IS_DIRECTORY ->
          new SandboxFileException.IsDirectory(
              path, tried, "it is a directory; give the path of a file");
      case NOT_DIRECTORY ->
          new SandboxFileException.NotDirectory(
              path, tried, "it, or a part of it, is a file and not a directory; check the path");
      default -> new SandboxFileException(path, tried, shown(result));
    };
  }

  private static String shown(CommandResult result) {
    String said = printable(result.stderr().strip());
    return said.isEmpty() ? "its command ended with exit code " + result.exitCode() : said;
  }

  static String printable(String text) {
    String printable = text.replaceAll("[\\p{Cc}\\p{Cf}\\p{Zl}\\p{Zp}]", "?");
    return printable.substring(0, Math.min(printable.length(), MOST_SHOWN));
  }
}
