/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.UnmatchedArgumentException;

/** The command {@code help}: does the same as {@code COMMAND --help}. */
@Command(name = "help", description = "Print the help of a command.")
final class HelpCommand implements Callable<Integer> {
  private final Cli cli;

  @Parameters(
      paramLabel = "COMMAND",
      arity = "0..*",
      description = "The command, for example 'ensure' or 'topics create'.")
  private List<String> command = new ArrayList<>();

  HelpCommand(Cli cli) {
    this.cli = cli;
  }

  @Override
  public Integer call() {
    CommandLine line = cli.complete();
    for (String word : command) {
      CommandLine next = line.getSubcommands().get(word);
      if (next == null) {
        throw new UnmatchedArgumentException(line, List.of(word));
      }
      line = next;
    }
    line.usage(line.getOut(), line.getColorScheme());
    return ExitCode.OK;
  }
}
