/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** The command {@code completion}: prints a shell script that completes commands and options. */
@Command(
    name = "completion",
    description = {
      "Print a script with which a shell completes commands and options.",
      "To use it now: source <(bin/sandbox completion bash)"
    })
final class CompletionCommand implements Callable<Integer> {
  private final Console console;
  private final Cli cli;

  @Parameters(paramLabel = "SHELL", description = "bash or zsh; one script serves both.")
  @SuppressWarnings("UnusedVariable") // checked by picocli; the script finds out itself
  private Shell shell = Shell.bash;

  /** In lower case, because that is what is typed. */
  enum Shell {
    bash,
    zsh
  }

  CompletionCommand(Console console, Cli cli) {
    this.console = console;
    this.cli = cli;
  }

  @Override
  public Integer call() {
    console.out().println(AutoComplete.bash("sandbox", cli.complete()));
    return ExitCode.OK;
  }
}
