/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Text in arguments and file names if the locale supports only ASCII, as in a cron job. */
class LocaleTest {
  private static final Pattern CHOICE =
      Pattern.compile("^case \\$\\(locale .*?^esac$", Pattern.MULTILINE | Pattern.DOTALL);
  private static final String UMLAUT = "$(printf '\\303\\274')";

  @TempDir private Path directory;

  private record Ran(int exitCode, String output) {}

  private Ran run(Map<String, String> locale, List<String> command) throws Exception {
    Path said = directory.resolve("said");
    ProcessBuilder builder =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(said.toFile());
    builder.environment().keySet().removeIf(key -> key.startsWith("LC_") || key.equals("LANG"));
    builder.environment().putAll(locale);
    Process process = builder.start();
    try {
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).as("it ends").isTrue();
    } finally {
      process.destroyForcibly();
    }
    return new Ran(process.exitValue(), Files.readString(said));
  }

  @ParameterizedTest
  @ValueSource(strings = {"../../bin/sandbox", "../../packaging/sandbox"})
  void theScriptsReplaceALocaleThatTheJvmCanNotUse(String script) throws Exception {
    List<String> choices =
        CHOICE
            .matcher(Files.readString(Path.of(script)))
            .results()
            .map(MatchResult::group)
            .toList();
    assertThat(choices).hasSize(1);
    List<String> bash =
        List.of("bash", "-euc", choices.getFirst() + "; printf %s \"${LC_ALL-unset}\"");

    assertThat(run(Map.of(), bash).output).isEqualTo("C.UTF-8");
    assertThat(run(Map.of("LC_ALL", "C"), bash).output).isEqualTo("C.UTF-8");
    assertThat(run(Map.of("LANG", "xx_XX.UTF-8"), bash).output).isEqualTo("C.UTF-8");
    assertThat(run(Map.of("LANG", "C.UTF-8", "LC_TIME", "xx_XX.UTF-8"), bash).output)
        .as("the JVM takes all of the locale or nothing")
        .isEqualTo("C.UTF-8");
    assertThat(run(Map.of("LANG", "C.UTF-8"), bash).output).isEqualTo("unset");
  }

  /**
   * It tells shortages of its host from other errors by texts, such as "No space left on device".
   */
  @ParameterizedTest
  @ValueSource(strings = {"../../bin/sandbox", "../../packaging/sandbox"})
  void aWorkerDoesNotGetTheSystemsErrorsInAnotherLanguage(String script) throws Exception {
    assertThat(Files.readString(Path.of(script)))
        .containsPattern("\n  run( \\| standalone)?\\)\n    export LC_ALL=C.UTF-8 ");
  }

  @Test
  void theWorkersImageHasALocale() throws Exception {
    String dockerfile = Files.readString(Path.of("../Dockerfile"));
    String jre =
        dockerfile.substring(dockerfile.indexOf(" AS jre\n"), dockerfile.indexOf("FROM jre "));
    assertThat(jre).contains("\nENV LANG=C.UTF-8\n");
  }

  @Test
  void anArgumentThatCanNotBeReadIsRefused() throws Exception {
    List<String> shell = new ArrayList<>();
    shell.addAll(List.of("sh", "-c", "exec \"$@\" \"" + UMLAUT + "\"", "sh"));
    shell.addAll(CliProcess.java());
    shell.add("get");

    Ran ran = run(Map.of("LC_ALL", "C"), shell);
    assertThat(ran.exitCode).as(ran.output).isEqualTo(ExitCode.USAGE);
    assertThat(ran.output).contains("ANSI_X3.4-1968", "set LC_ALL=C.UTF-8");
    assertThat(run(Map.of("LC_ALL", "C.UTF-8"), shell).output).contains("ü");
  }
}
