/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.MatchResult;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The files that a user starts from in a clean clone: the image's build and the composition. */
class BuildFilesTest {
  private static final Path REPOSITORY = Path.of("../..").toAbsolutePath().normalize();
  private static final Pattern FROM = Pattern.compile("(?m)^FROM (\\S+)(?: AS (\\S+))?$");
  private static final Pattern COPY =
      Pattern.compile("(?m)^COPY (?!--from)(?:--chmod=\\d+ )?(.+)$");
  private static final Pattern SETTING = Pattern.compile("(?m)^ +(ZCBOT_\\w+): (.+)$");
  private static final Pattern HEALTH = Pattern.compile("(?m)^HEALTHCHECK .*? CMD (.+)$");
  private static final Pattern MODULE = Pattern.compile("<module>(.+)</module>");

  /** Or users other than root can't read what comes from a checkout with the umask 077. */
  @Test
  void theWorkersImageGivesItsProgramAMode() throws IOException {
    assertThat(Files.readString(REPOSITORY.resolve("worker/Dockerfile")).lines())
        .filteredOn(line -> line.startsWith("COPY") && line.contains(" /opt/zcbot/"))
        .filteredOn(line -> !line.contains("--from=training "))
        .hasSize(3)
        .allSatisfy(line -> assertThat(line).contains("--chmod=0755"));
  }

  @Test
  void theWorkersImageNeedsNothingThatACleanCloneLacks() throws IOException {
    String dockerfile = Files.readString(REPOSITORY.resolve("worker/Dockerfile"));
    assertThat(dockerfile).contains("ARG JARS=build\n", "FROM jars-${JARS} AS jars\n");

    assertThat(stages(dockerfile))
        .filteredOn(stage -> !stage.name.endsWith("-local"))
        .flatExtracting(Stage::copied)
        .isNotEmpty()
        .noneMatch(source -> source.contains("target"))
        .allSatisfy(source -> assertThat(REPOSITORY.resolve(source)).exists());
  }

  @ParameterizedTest
  @CsvSource({
    "run, jvm.options",
    "console, console.options",
    "gateway, gateway.options",
    "usage --csv, commands.options",
    "--help, commands.options"
  })
  void theWorkersImageRunsEachCommandWithTheOptionsMeantForIt(
      String command, String options, @TempDir(factory = ProgramDirectory.class) Path path)
      throws Exception {
    Path java = Files.writeString(path.resolve("java"), "#!/bin/sh\necho \"$*\"\n");
    assertThat(java.toFile().setExecutable(true)).isTrue();
    List<String> start = new ArrayList<>();
    start.add(REPOSITORY.resolve("worker/start.sh").toString());
    start.addAll(List.of(command.split(" ")));
    ProcessBuilder builder = new ProcessBuilder(start);
    builder.environment().put("PATH", path + ":" + System.getenv("PATH"));
    Process process = builder.start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(said)
        .startsWith("@/opt/zcbot/" + options + " ")
        .endsWith(" io.zcbot.sandbox.worker.cli.Main " + command + "\n");
    assertThat(REPOSITORY.resolve("worker").resolve(options)).exists();
    assertThat(Files.readString(REPOSITORY.resolve("worker/Dockerfile")))
        .contains(" worker/" + options + " ", "ENTRYPOINT [\"/opt/zcbot/start.sh\"]");
  }

  @ParameterizedTest
  @CsvSource({
    "127.0.0.1, 127.0.0.1",
    "0.0.0.0, 0.0.0.0",
    "127.0.0.2, 127.0.0.2",
    "127.0.0.1, [::ffff:127.0.0.1]"
  })
  void theWorkersImageIsHealthyIfItsWorkerIsWhereverThatListens(String host, String shown)
      throws Exception {
    AtomicInteger status = new AtomicInteger(200);
    HttpServer server = HttpServer.create(new InetSocketAddress(host, 0), 0);
    server.createContext(
        "/health/live",
        exchange -> {
          exchange.sendResponseHeaders(status.get(), -1);
          exchange.close();
        });
    server.start();
    String address = shown + ":" + server.getAddress().getPort();
    try {
      assertThat(health(address)).isZero();
      status.set(503);
      assertThat(health(address)).isNotZero();
    } finally {
      server.stop(0);
    }
    assertThat(health(address)).isNotZero();
  }

  @Test
  void theWorkersImageCannotTellTheHealthOfAWorkerThatServesNone() throws Exception {
    assertThat(health("off")).isZero();
  }

  private static int health(String address) throws Exception {
    Matcher check =
        HEALTH.matcher(
            Files.readString(REPOSITORY.resolve("worker/Dockerfile")).replace("\\\n", ""));
    assertThat(check.find()).isTrue();
    ProcessBuilder builder =
        new ProcessBuilder(new JsonMapper().readValue(check.group(1), String[].class));
    builder.environment().put("ZCBOT_OPS_ADDRESS", address);
    Process process = builder.redirectErrorStream(true).start();
    process.getInputStream().readAllBytes();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    return process.exitValue();
  }

  /** Maven looks for all modules that the parent names, even if it builds only some. */
  @Test
  void theWorkersImageGetsThePomOfEachModule() throws IOException {
    List<String> poms = new ArrayList<>(poms(""));
    poms.addAll(poms("worker/"));
    List<PathMatcher> inContext =
        Files.readAllLines(REPOSITORY.resolve(".dockerignore")).stream()
            .filter(line -> line.startsWith("!"))
            .map(line -> FileSystems.getDefault().getPathMatcher("glob:" + line.substring(1)))
            .toList();

    assertThat(poms).hasSizeGreaterThan(14);
    assertThat(stages(Files.readString(REPOSITORY.resolve("worker/Dockerfile"))))
        .filteredOn(stage -> stage.name.equals("jars-build"))
        .singleElement()
        .satisfies(
            stage ->
                assertThat(stage.copied)
                    .containsAll(poms)
                    .allSatisfy(
                        source ->
                            assertThat(inContext)
                                .as(source)
                                .anyMatch(pattern -> pattern.matches(Path.of(source)))));
  }

  /** The poms of the modules that a pom names. */
  private static List<String> poms(String directory) throws IOException {
    return MODULE
        .matcher(Files.readString(REPOSITORY.resolve(directory + "pom.xml")))
        .results()
        .map(module -> directory + module.group(1) + "/pom.xml")
        .toList();
  }

  @Test
  void theCompositionIsReachedWhereTheDocumentsSay() throws IOException {
    assertThat(Files.readString(REPOSITORY.resolve("compose.yaml")))
        .contains(
            "127.0.0.1:${KAFKA_PORT:-9092}:9092",
            "127.0.0.1:${OPS_PORT:-8080}:8080",
            "127.0.0.1:${CONSOLE_PORT:-8090}:8090");
  }

  @Test
  void theCompositionKeepsAWarmPoolOnlyWithWhatThatNeeds() throws IOException {
    assertThat(Files.readString(REPOSITORY.resolve("compose.yaml")))
        .contains("ZCBOT_SANDBOX_WARM: ${ZCBOT_SANDBOX_WARM:-0}");
    assertThat(Files.readString(REPOSITORY.resolve("compose.warm.yaml")))
        .contains("ZCBOT_SANDBOX_WARM: ${ZCBOT_SANDBOX_WARM:-2}");
  }

  /** The commands on this machine have another address of Kafka than containers. */
  @Test
  void theCompositionsContainersReachTheSameKafkaInTheSameWay() throws IOException {
    String composition = Files.readString(REPOSITORY.resolve("compose.yaml"));
    assertThat(
            SETTING
                .matcher(composition)
                .results()
                .filter(setting -> setting.group(1).equals("ZCBOT_KAFKA_BOOTSTRAP_SERVERS"))
                .map(setting -> setting.group(2)))
        .as("of the worker, the console, the gateway and the demo")
        .hasSize(4)
        .containsOnly("${KAFKA_BOOTSTRAP_SERVERS:-kafka:29092}");
    assertThat(composition.lines().filter("      ZCBOT_KAFKA_SASL_JAAS_CONFIG:"::equals))
        .as("of the console, the gateway and the demo; the worker reads the whole .env file")
        .hasSize(3);
  }

  @Test
  void theCompositionTakesSettingsFromTheEnvironment() throws IOException {
    assertThat(
            SETTING
                .matcher(Files.readString(REPOSITORY.resolve("compose.yaml")))
                .results()
                .filter(setting -> !setting.group(2).startsWith("${" + setting.group(1)))
                .map(setting -> setting.group(1))
                .filter(setting -> !setting.equals("ZCBOT_KAFKA_BOOTSTRAP_SERVERS")))
        .as("what is fixed: addresses inside of a container, and the patience of the demo")
        .containsExactlyInAnyOrder(
            "ZCBOT_OPS_ADDRESS",
            "ZCBOT_CONSOLE_ADDRESS",
            "ZCBOT_GATEWAY_ADDRESS",
            "ZCBOT_GATEWAY_OPS_ADDRESS",
            "ZCBOT_KAFKA_DEFAULT_API_TIMEOUT_MS");
  }

  private record Stage(String name, List<String> copied) {}

  private static List<Stage> stages(String dockerfile) {
    List<MatchResult> starts = FROM.matcher(dockerfile).results().toList();
    List<Stage> stages = new ArrayList<>();
    for (int i = 0; i < starts.size(); i++) {
      int end = i + 1 < starts.size() ? starts.get(i + 1).start() : dockerfile.length();
      String name = starts.get(i).group(2);
      stages.add(
          new Stage(
              name == null ? "" : name, copied(dockerfile.substring(starts.get(i).end(), end))));
    }
    return stages;
  }

  private static List<String> copied(String stage) {
    return COPY.matcher(stage)
        .results()
        .map(copy -> copy.group(1).split(" "))
        .flatMap(words -> Arrays.stream(words).limit(words.length - 1))
        .toList();
  }
}
