/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.worker.ShellBlocks;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.Writer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;

/**
 * The command line accepts each {@code bin/sandbox} command of the documents: its name, its options
 * and their values. Other tests cover what the commands do.
 */
class DocumentedCommandsTest {
  private static final Pattern COMMAND = Pattern.compile("(?<![\\w/])bin/sandbox ([^#|;)\\n]+)");
  private static final Pattern WORD = Pattern.compile("'([^']*)'|(\\S+)");
  private static final String USER = "7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10";

  @Test
  void theCommandLineTakesEachCommandOfTheDocuments() throws IOException {
    List<String> commands = new ArrayList<>();
    for (ShellBlocks.Block block : ShellBlocks.all()) {
      COMMAND
          .matcher(block.text().replace("\\\n", " "))
          .results()
          .map(found -> found.group(1).strip())
          .forEach(commands::add);
    }
    assertThat(commands).hasSizeGreaterThan(20);
    for (String command : commands) {
      assertThat(parse(command).hasSubcommand()).as(command).isTrue();
    }
  }

  @Test
  void itRefusesWhatIsNoCommand() {
    assertThatThrownBy(() -> parse("audit --no-such-option"))
        .isInstanceOf(CommandLine.ParameterException.class);
  }

  private static CommandLine.ParseResult parse(String command) {
    List<String> words = new ArrayList<>();
    Matcher word = WORD.matcher(command);
    while (word.find()) {
      String text = word.group(1) == null ? word.group(2) : word.group(1);
      words.add(text.replace("$user", USER).replaceAll("^USER$", USER));
    }
    PrintWriter nowhere = new PrintWriter(Writer.nullWriter());
    // 'standalone' is not a worker's.
    return Cli.commandLine(new Console(Map.of(), nowhere, nowhere, false))
        .complete()
        .parseArgs(words.toArray(String[]::new));
  }
}
