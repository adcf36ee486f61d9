/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.standalone;

import io.zcbot.sandbox.worker.cli.Cli;
import io.zcbot.sandbox.worker.cli.Console;

/** The worker's command line, and {@code standalone} besides. */
public final class Main {
  private Main() {}

  public static void main(String[] args) {
    System.exit(commandLine(Console.ofProcess()).execute(args));
  }

  static Cli commandLine(Console console) {
    return Cli.commandLine(console).with("standalone", () -> new StandaloneCommand(console));
  }
}
