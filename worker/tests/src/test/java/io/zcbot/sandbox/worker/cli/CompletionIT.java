/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Types into real shells, on a terminal that zsh's module zpty makes. */
@Tag("zsh")
class CompletionIT {
  private static final long PATIENCE_SECONDS = 60;

  /** Each zpty -r waits until what the shell printed matches the pattern. */
  private static final String TYPING =
      """
      zmodload zsh/zpty
      export TERM=dumb
      zpty -b -e shell "stty rows 24 cols 80; exec $1"
      zpty -w shell "PS1='> '; source $2; echo RE''ADY"
      zpty -r shell out '*READY*> *'
      zpty -w -n shell $'sandbox pu\\t\\t'
      zpty -r shell out '*publish*purge*'
      zpty -w -n shell $'\\x15sandbox ens\\t'
      zpty -r shell out '*sandbox ensure*'
      zpty -w -n shell $'\\x15sandbox ps --al\\t'
      zpty -r shell out '*ps --all-hosts*'
      print completed
      """;

  @TempDir private Path directory;

  @ParameterizedTest
  @CsvSource({"zsh, zsh -f -i", "bash, bash --norc --noprofile -i"})
  void commandsAndOptionsAreCompleted(String shell, String interactive) throws Exception {
    StringWriter out = new StringWriter();
    PrintWriter to = new PrintWriter(out, true);
    assertThat(Cli.commandLine(new Console(Map.of(), to, to, false)).execute("completion", shell))
        .isZero();
    Path script = Files.writeString(directory.resolve("completion"), out.toString());
    Path typing = Files.writeString(directory.resolve("typing"), TYPING);
    Path printed = directory.resolve("printed");

    Process process =
        new ProcessBuilder("zsh", "-f", typing.toString(), interactive, script.toString())
            .redirectErrorStream(true)
            .redirectOutput(printed.toFile())
            .start();
    try {
      assertThat(process.waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS))
          .as("everything was completed")
          .isTrue();
    } finally {
      process.destroyForcibly();
    }

    assertThat(Files.readString(printed)).isEqualTo("completed\n");
  }
}
