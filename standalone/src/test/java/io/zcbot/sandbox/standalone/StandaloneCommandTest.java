/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.standalone;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.cli.Console;
import io.zcbot.sandbox.worker.cli.ExitCode;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import picocli.CommandLine;

class StandaloneCommandTest {
  @TempDir private Path dir;

  private final Map<String, String> env = new HashMap<>();
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private int standalone(String... args) {
    String[] all = new String[args.length + 1];
    all[0] = "standalone";
    System.arraycopy(args, 0, all, 1, args.length);
    return Main.commandLine(
            new Console(env, new PrintWriter(out, true), new PrintWriter(err, true), false))
        .execute(all);
  }

  @Test
  void helpListsTheKeys() {
    assertThat(standalone("--help")).isZero();
    assertThat(out.toString())
        .contains("Usage: sandbox standalone", "ZCBOT_STANDALONE_DATA", "'sandbox help run'")
        .doesNotContain("--bootstrap-server");
  }

  @Test
  void aBadPortIsRefused() {
    assertThat(standalone("--kafka-port", "x")).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString()).isEqualTo("--kafka-port=x: must be a port, 1 to 65535\n");
    err.getBuffer().setLength(0);
    env.put("ZCBOT_STANDALONE_KAFKA_PORT", "0");
    assertThat(standalone()).isEqualTo(ExitCode.CONFIG);
    assertThat(err.toString())
        .isEqualTo("ZCBOT_STANDALONE_KAFKA_PORT=0: must be a port, 1 to 65535\n");
  }

  @Test
  void aKafkaElsewhereIsRefused() {
    env.put("ZCBOT_KAFKA_BOOTSTRAP_SERVERS", "kafka:9092");
    assertThat(standalone()).isEqualTo(ExitCode.CONFIG);
    assertThat(err.toString())
        .isEqualTo(
            "ZCBOT_KAFKA_BOOTSTRAP_SERVERS=kafka:9092 names another Kafka than the broker that"
                + " standalone starts, 127.0.0.1:9092; unset it, or use the command 'run' with"
                + " that Kafka\n");
  }

  @ParameterizedTest
  @CsvSource({
    ",, http://127.0.0.1:8090",
    "'', '', http://127.0.0.1:8090",
    "' ', ' ', http://127.0.0.1:8090",
    "127.0.0.1:81, '', http://127.0.0.1:81",
    "'', https://console.example, https://console.example"
  })
  void theConsolesUrlFollowsItsAddressUnlessItIsSet(String address, String url, String used)
      throws Exception {
    if (address != null) {
      env.put("ZCBOT_CONSOLE_ADDRESS", address);
    }
    if (url != null) {
      env.put("ZCBOT_CONSOLE_URL", url);
    }
    StandaloneCommand command =
        new StandaloneCommand(
            new Console(env, new PrintWriter(out, true), new PrintWriter(err, true), false));
    new CommandLine(command).parseArgs("--console");
    assertThat(command.environment(9092, Path.of("/data")))
        .containsEntry("ZCBOT_CONSOLE_URL", used);
  }

  @Test
  void theSuggestionsNameTheBrokerUnlessItIsTheUsualOne() {
    assertThat(StandaloneCommand.suggestion(9092)).contains("\n  bin/sandbox exec -it ");
    assertThat(StandaloneCommand.suggestion(19092))
        .contains("\n  bin/sandbox --bootstrap-server 127.0.0.1:19092 exec ");
  }

  @Test
  void settingsAreCheckedBeforeAnythingStarts() {
    env.put("ZCBOT_SANDBOX_CPUS", "many");
    assertThat(standalone("--data", dir.resolve("data").toString())).isEqualTo(ExitCode.CONFIG);
    assertThat(err.toString()).contains("ZCBOT_SANDBOX_CPUS=many: must be a number");
    assertThat(dir.resolve("data")).doesNotExist();
  }

  @Test
  void aDirectoryThatCannotBeMadeIsExitCode78() throws Exception {
    Path file = Files.writeString(dir.resolve("file"), "");
    env.put("ZCBOT_STANDALONE_DATA", file.resolve("below").toString());
    assertThat(standalone()).isEqualTo(ExitCode.CONFIG);
    assertThat(err.toString()).startsWith("could not use the data directory " + file);
  }
}
