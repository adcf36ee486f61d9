/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.cli.terminal.StandardStreams;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

/** The arguments of an exec, up to the point where Kafka is needed; nobody listens there. */
@ResourceLock("logging")
class ExecArgumentsTest {
  private static final String USER = "7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10";

  @TempDir private Path directory;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private final Map<String, String> env =
      new HashMap<>(
          Map.of(
              "ZCBOT_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1",
              "ZCBOT_KAFKA_DEFAULT_API_TIMEOUT_MS", "150",
              "ZCBOT_KAFKA_REQUEST_TIMEOUT_MS", "150",
              "ZCBOT_KAFKA_DELIVERY_TIMEOUT_MS", "150",
              "ZCBOT_KAFKA_MAX_BLOCK_MS", "150"));

  private int sandbox(String args) {
    Console console =
        new Console(env, new PrintWriter(out, true), new PrintWriter(err, true), false);
    StandardStreams streams =
        new StandardStreams(
            InputStream.nullInputStream(),
            new ByteArrayOutputStream(),
            new ByteArrayOutputStream(),
            false,
            false,
            false);
    return Cli.commandLine(console, _ -> new FakeEngine(), () -> streams)
        .execute(args.replace("USER", USER).split(" "));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "exec | Missing required parameter",
        "exec USER | Missing required parameter: 'COMMAND'",
        "exec USER -- | there is no command after '--'",
        "exec USER --timeout 5s ls | options come before USER",
        "exec x ls | not a UUID",
        "exec --shell USER echo hello | the script is one argument, and there are 2",
        "exec -e =x USER ls | the variable has no name",
        "exec -e UNSET USER ls | the variable has no value here",
        "exec -w tmp USER ls | cwd: is not absolute",
        "exec --timeout 25h USER ls | timeout_seconds",
        "exec --max-output 17m USER ls | --max-output can be at most 16m; write more into a file",
        "exec --max-output 16777217 USER ls | --max-output can be at most 16m",
        "exec --max-output x USER ls | write a size such as",
        "exec --json -t USER ls | --json prints the output at the end",
        "exec -d -i USER ls | -d reads and shows nothing",
        "exec -it USER bash | standard input is not a terminal",
        "exec --expires-in 3000000d USER ls | '--expires-in': write a duration of at most 36500d",
        "ensure --idle-ttl 366d USER | idle_ttl_seconds",
        "ensure --label a USER | '--label' (KEY=VALUE) should be in KEY=VALUE format but was a",
        "ensure --label =a USER | labels: has a key that is empty; give it a name",
        "ensure --expires-in 3000000d USER | '--expires-in': write a duration of at most 36500d",
        "ensure --timeout 999999999999d USER | '--timeout': write a duration of at most 36500d",
        "audit --from 999999999999d | '--from': write an age of at most 36500d",
        "cp a | Missing required parameter: 'TARGET'",
        "cp a b | one of SOURCE and TARGET is in a sandbox",
        "cp USER:a USER:b | one of SOURCE and TARGET is in a sandbox",
        "cp - - | one of SOURCE and TARGET is in a sandbox",
        "release | Missing required parameter: 'USER'",
      })
  void wrongArgumentsAreExplained(String args, String problem) {
    assertThat(sandbox(args)).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString()).contains(problem);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "exec USER -- ls -l --json",
        "exec USER ls -l --help",
        "exec -i -e A=b -e EMPTY= -w /tmp --timeout 2m --max-output 1m USER ls",
        "exec -d USER ls",
        "exec --shell USER ls",
        "cp USER:a b",
        "ensure --idle-ttl 500ms USER",
        "ensure --idle-ttl 365d --expires-in 36500d --timeout 36500d USER",
        "ensure --label a=b --label c=d=e --label empty= --ends-in 5m USER",
        "release USER",
        "release --wait USER"
      })
  void whatIsRightGetsAsFarAsKafka(String args) {
    assertThat(sandbox(args)).isEqualTo(ExitCode.UNAVAILABLE);
    assertThat(err.toString()).contains("check that Kafka runs there");
  }

  @ParameterizedTest
  @ValueSource(strings = {"exec", "cp", "release"})
  void everyHelpFitsInEightyColumns(String command) {
    assertThat(sandbox(command + " --help")).isZero();
    assertThat(out.toString().lines()).allSatisfy(line -> assertThat(line).hasSizeLessThan(81));
    assertThat(out.toString()).contains("Usage: sandbox " + command, "ZCBOT_KAFKA_BOOTSTRAP");
  }

  @Test
  void anAtSignBeforeAFilesNameIsTheCommands() throws Exception {
    Path file = Files.writeString(directory.resolve("file"), "secret");
    Console console = new Console(env, new PrintWriter(out), new PrintWriter(err), false);
    CommandLine.ParseResult parsed =
        Cli.commandLine(console, _ -> new FakeEngine())
            .complete()
            .parseArgs("exec", USER, "--", "curl", "-d", "@" + file, "@@x", "@" + directory);
    assertThat(parsed.subcommand().matchedPositionalValue(1, List.<String>of()))
        .containsExactly("--", "curl", "-d", "@" + file, "@@x", "@" + directory);
  }

  @Test
  void theHelpOfExecExplainsItsExitCodesAndWhatATerminalIsSparedOf() {
    assertThat(sandbox("exec --help")).isZero();
    assertThat(out.toString())
        .contains("Exit codes:", "128+N", "124", "Ctrl-C", "control characters");
  }
}
