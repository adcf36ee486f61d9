/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.config.Setting;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.ops.Health;
import io.zcbot.sandbox.worker.ops.Metrics;
import io.zcbot.sandbox.worker.ops.OpsServer;
import io.zcbot.sandbox.worker.pool.SlotMounts;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Instant;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.Command;

@ResourceLock("logging")
class CliTest {
  private static final String USER = "7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10";
  private static final String OTHER = "00000000-0000-4000-8000-000000000001";

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private final FakeEngine engine = new FakeEngine();

  /** Nobody listens on port 1, and the time-outs are short. */
  private final Map<String, String> env =
      new HashMap<>(
          Map.of(
              "ZCBOT_WORKER_ID", "w1",
              "ZCBOT_HOST", "h1",
              "ZCBOT_OPS_ADDRESS", "off",
              "ZCBOT_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1",
              "ZCBOT_KAFKA_DEFAULT_API_TIMEOUT_MS", "150",
              "ZCBOT_KAFKA_REQUEST_TIMEOUT_MS", "150",
              "ZCBOT_KAFKA_DELIVERY_TIMEOUT_MS", "150",
              "ZCBOT_KAFKA_MAX_BLOCK_MS", "150"));

  private int sandbox(String... args) {
    Console console =
        new Console(env, new PrintWriter(out, true), new PrintWriter(err, true), false);
    return Cli.commandLine(console, _ -> engine).execute(args);
  }

  private void container(String id, String user, String worker, String specHash) {
    UserId userId = UserId.parse(user);
    engine.containers.put(
        id,
        new Container(
            id,
            Container.nameOf(userId),
            Container.State.RUNNING,
            new Container.Ownership(userId, null, worker, true),
            specHash,
            Instant.now().minusSeconds(3700),
            null,
            false));
  }

  @Test
  void helpListsCommandsAndExitCodes() {
    assertThat(sandbox("--help")).isZero();
    assertThat(out.toString())
        .contains(
            "run",
            "ensure",
            "activity",
            "exec",
            "cp",
            "release",
            "watch",
            "ps",
            "purge",
            "topics",
            "--version")
        .contains("69   Kafka or the engine can't be reached.");
  }

  /** A log may be too large for an audit, whose violations are exit code 1. */
  @Test
  void whatRunsOutOfMemoryIsAFaultOfTheProgram() {
    Console console =
        new Console(env, new PrintWriter(out, true), new PrintWriter(err, true), false);
    int code = Cli.commandLine(console).with("exhaust", Exhausting::new).execute("exhaust");
    assertThat(code).isEqualTo(ExitCode.SOFTWARE);
    assertThat(err.toString())
        .startsWith("the program ran out of memory")
        .contains("JDK_JAVA_OPTIONS=-Xmx");
  }

  @Test
  void theConsoleSaysWhyItDoesNotStart() {
    assertThat(sandbox("console")).isEqualTo(ExitCode.UNAVAILABLE);
    assertThat(err.toString())
        .startsWith("could not watch the fleet on 127.0.0.1:1: no broker can be reached")
        .hasLineCount(1);
  }

  @Command
  private static final class Exhausting implements Runnable {
    @Override
    public void run() {
      throw new OutOfMemoryError("Java heap space");
    }
  }

  @Test
  void theHelpOfRunListsEverySetting() {
    assertThat(sandbox("run", "--help")).isZero();
    assertThat(Setting.all())
        .allSatisfy(setting -> assertThat(out.toString()).contains(setting.key()));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          ensure        | ZCBOT_TOPIC_PREFIX
          activity      | ZCBOT_TOPIC_PREFIX
          watch         | ZCBOT_TOPIC_PREFIX
          export        | ZCBOT_TOPIC_PREFIX
          ps            | ZCBOT_SANDBOX_IDLE_TTL_MAX ZCBOT_SANDBOX_IMAGE ZCBOT_SANDBOX_MEMORY
          ps            | ZCBOT_SANDBOX_FLOWS ZCBOT_SANDBOX_FLOW_RATE ZCBOT_SANDBOX_BANDWIDTH ZCBOT_ENGINE_TIMEOUT
          get           | ZCBOT_SANDBOX_IDLE_TTL
          gateway       | ZCBOT_GATEWAY_ADDRESS ZCBOT_GATEWAY_DIRECTORY ZCBOT_COMMAND_MAX_TIMEOUT
          console       | ZCBOT_GROUP ZCBOT_SANDBOX_IDLE_TTL ZCBOT_CONSOLE_ADDRESS ZCBOT_CONSOLE_URL
          purge         | ZCBOT_GROUP ZCBOT_WORKER_ID ZCBOT_HOST ZCBOT_WORKSPACE_ROOT ZCBOT_OPS_ADDRESS
          purge         | ZCBOT_ENGINE_TIMEOUT
          audit         | ZCBOT_SANDBOX_IDLE_TTL ZCBOT_REAPER_INTERVAL ZCBOT_ENSURE_EXPIRY ZCBOT_RESTART
          audit         | ZCBOT_SANDBOX_BUSY_CPU ZCBOT_SANDBOX_WARM ZCBOT_SANDBOX_MAX ZCBOT_SANDBOX_EVICT_AFTER
          usage         | ZCBOT_ENSURE_EXPIRY ZCBOT_RESTART
          topics check  | ZCBOT_SANDBOX_IDLE_TTL_MAX
          topics create | ZCBOT_SANDBOX_IDLE_TTL_MAX ZCBOT_TOPICS_PARTITIONS
          """)
  void theHelpOfACommandListsTheSettingsThatItReads(String command, String keys) {
    assertThat(sandbox((command + " --help").split(" "))).isZero();
    assertThat(out.toString()).contains("Usage: sandbox " + command, "ZCBOT_KAFKA_BOOTSTRAP");
    assertThat(out.toString().split("[\\s,]+")).contains(keys.split(" "));
    assertThat(out.toString()).contains("'sandbox help run'");
  }

  @ParameterizedTest
  @ValueSource(strings = {"doctor", "ps", "standalone", "exec"})
  void aHelpFitsOnAScreen(String command) {
    Console console =
        new Console(env, new PrintWriter(out, true), new PrintWriter(err, true), false);
    Cli line = Cli.commandLine(console).with("standalone", Exhausting::new);
    assertThat(line.execute(command, "--help")).isZero();
    assertThat(out.toString().lines()).hasSizeLessThan(70);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--bootstrap-server 127.0.0.1:2 watch",
        "watch --bootstrap-server=127.0.0.1:2",
        "--bootstrap-server=127.0.0.1:2 -v watch",
        "topics check --bootstrap-server 127.0.0.1:2"
      })
  void anOptionNamesAnotherKafkaThanTheEnvironment(String args) {
    assertThat(sandbox(args.split(" "))).isEqualTo(ExitCode.UNAVAILABLE);
    assertThat(err.toString()).contains(" on 127.0.0.1:2: ");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          watch --bootstrap-server kafka | write HOST:PORT, or several with commas between them
          completion bash --bootstrap-server=k:9092 | Unknown option: '--bootstrap-server=k:9092'
          """)
  void whatIsNoKafkaIsRefused(String args, String problem) {
    assertThat(sandbox(args.split(" "))).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString()).contains(problem);
  }

  @ParameterizedTest
  @ValueSource(strings = {"watch", "exec " + USER + " ls", "console", "doctor"})
  void aNameWithoutAnAddressIsNoFaultOfTheSettings(String args) {
    env.put("ZCBOT_KAFKA_BOOTSTRAP_SERVERS", "no-such-host.invalid:9092");
    assertThat(sandbox(args.split(" "))).isEqualTo(ExitCode.UNAVAILABLE);
    assertThat(err.toString())
        .contains(" on no-such-host.invalid:9092: no ")
        .doesNotContain("permissions");
    assertThat(err.toString().lines()).hasSize(1);
  }

  @Test
  void aMisspeltSettingOfKafkaIsRefusedByEachCommand() {
    env.remove("ZCBOT_KAFKA_BOOTSTRAP_SERVERS");
    env.put("ZCBOT_KAFKA_BOOTSTRP", "127.0.0.1:1");
    assertThat(sandbox("exec", USER, "ls")).isEqualTo(ExitCode.CONFIG);
    assertThat(err.toString()).contains("ZCBOT_KAFKA_BOOTSTRP", "did you mean bootstrap.servers?");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          watch        | ZCBOT_SANDBOX_
          topics check | ZCBOT_TOPICS_
          get          | ZCBOT_SANDBOX_IDLE_TTL_
          console      | ZCBOT_SANDBOX_IDLE_TTL_
          audit        | ZCBOT_SANDBOX_MAX_LIFETIME
          """)
  void settingsThatHaveNoEffectAreNotListed(String command, String key) {
    assertThat(sandbox((command + " --help").split(" "))).isZero();
    assertThat(out.toString()).contains("Environment").doesNotContain(key);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "run",
        "ensure",
        "activity",
        "watch",
        "ps",
        "get",
        "console",
        "mcp",
        "purge",
        "doctor",
        "topics",
        "topics check",
        "topics create",
        "audit",
        "usage",
        "export",
        "publish",
        "help"
      })
  void everyHelpFitsInEightyColumnsAndLeavesGeneralThingsToTheFirst(String command) {
    assertThat(sandbox((command + " --help").split(" "))).isZero();
    assertThat(out.toString().lines()).allSatisfy(line -> assertThat(line).hasSizeLessThan(81));
    assertThat(out.toString()).contains("--help").doesNotContain("Exit codes", "--version");
  }

  @ParameterizedTest
  @ValueSource(strings = {"ensure", "topics create"})
  void helpWithACommandPrintsTheHelpOfThatCommand(String command) {
    assertThat(sandbox(("help " + command).split(" "))).isZero();
    String help = out.toString();
    out.getBuffer().setLength(0);
    assertThat(sandbox((command + " --help").split(" "))).isZero();
    assertThat(help).isEqualTo(out.toString()).contains("Usage: sandbox " + command);
  }

  @Test
  void helpAloneListsTheCommands() {
    assertThat(sandbox("help")).isZero();
    assertThat(out.toString()).contains("Usage: sandbox", "Exit codes:");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          purg               | Did you mean: sandbox purge
          help ensur         | Did you mean: sandbox ensure or sandbox purge or sandbox console?
          topics chekc       | Did you mean: topics check?
          ps --jsn           | Possible solutions: --json
          """)
  void whatIsMisspeltIsCorrected(String args, String suggestion) {
    assertThat(sandbox(args.split(" "))).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString()).contains(suggestion);
  }

  @Test
  void optionsOfAllCommandsMayComeFirst() {
    assertThat(sandbox("-v", "purge")).isZero();
    assertThat(out.toString()).contains("no container of worker w1");
  }

  @Test
  void version() {
    assertThat(sandbox("--version")).isZero();
    assertThat(out.toString()).startsWith("zcbot sandbox ");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          nothing                | Unmatched argument at index 0: 'nothing'
          ensure                 | Missing required parameter: 'USER'
          ensure x               | Invalid value for positional parameter at index 0 (USER): not a UUID: 'x'; use the canonical lower-case form, e.g. 7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10
          ensure 7F3C1D52-9A54-4C0E-8F2B-6F1D2F6F7A10 | not in canonical form
          ensure 7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10 --timeout soon | Invalid value for option '--timeout': write a duration such as 300 (seconds), 90s, 5m or 2h
          activity               | Missing required parameter: 'USER'
          get                    | Missing required parameter: 'USER'
          watch --count x        | Invalid value for option '--count'
          topics                 | Missing required subcommand
          """)
  void wrongArgumentsAreTwoLinesAndExitCode2(String args, String problem) {
    assertThat(sandbox(args.split(" "))).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString()).contains(problem).contains("Try 'sandbox");
    assertThat(err.toString().lines()).hasSize(2);
  }

  @Test
  void noCommandAtAllIsAUsageError() {
    assertThat(sandbox()).isEqualTo(ExitCode.USAGE);
  }

  @ParameterizedTest
  @ValueSource(strings = {"run", "watch", "ps", "purge", "topics check", "activity " + USER})
  void settingsThatCannotBeUsedAreExitCode78(String args) {
    env.put("ZCBOT_SANDBOX_MEMORY", "x");
    env.put("ZCBOT_LOG_LEVEL", "x");
    assertThat(sandbox(args.split(" "))).isEqualTo(ExitCode.CONFIG);
    assertThat(err.toString())
        .startsWith("2 settings are invalid:\n  ZCBOT_SANDBOX_MEMORY=x: must be")
        .doesNotContain("\tat ");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ensure " + USER,
        "ensure --no-wait " + USER,
        "activity " + USER,
        "get " + USER,
        "watch",
        "watch --from-beginning",
        "topics check",
        "topics create"
      })
  void kafkaNotReachedIsOneLineAndExitCode69(String args) {
    assertThat(sandbox(args.split(" "))).isEqualTo(ExitCode.UNAVAILABLE);
    assertThat(err.toString())
        .startsWith("could not ")
        .contains(" on 127.0.0.1:1: ")
        .contains("check that Kafka runs there and that ZCBOT_KAFKA_BOOTSTRAP_SERVERS is right");
    assertThat(err.toString().lines()).hasSize(1);
  }

  @Test
  void aWorkerThatCannotStartIsOneLineAndExitCode78() throws Exception {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.ofLiteral("127.0.0.1"))) {
      env.put("ZCBOT_OPS_ADDRESS", "127.0.0.1:" + taken.getLocalPort());
      assertThat(sandbox("run")).isEqualTo(ExitCode.CONFIG);
    }
    assertThat(err.toString())
        .startsWith("the worker did not start: could not serve metrics and health on 127.0.0.1:")
        .endsWith("or set ZCBOT_OPS_ADDRESS to another address or to off\n");
    assertThat(err.toString().lines()).hasSize(1);
  }

  @Test
  void kafkaSettingsThatContradictEachOtherAreExitCode78() {
    env.put("ZCBOT_KAFKA_REQUEST_TIMEOUT_MS", "1000");
    assertThat(sandbox("activity", USER)).isEqualTo(ExitCode.CONFIG);
    assertThat(err.toString()).contains("delivery.timeout.ms should be equal to or larger than");
  }

  @Test
  void verboseAddsTheStackTrace() {
    assertThat(sandbox("activity", "--verbose", USER)).isEqualTo(ExitCode.UNAVAILABLE);
    assertThat(err.toString()).contains("\n  at ");
  }

  @Test
  void psListsWhatTheEngineHasEvenWithoutKafka() throws Exception {
    String current = WorkerConfig.fromEnvironment(env).spec().hash();
    container("0123456789abcdef", USER, "w1", current);
    container("fedcba9876543210", OTHER, "w2", "old");
    container("89abcdef01234567", "f0000000-0000-4000-8000-000000000001", "w2", "old");

    assertThat(sandbox("ps")).isZero();

    assertThat(out.toString())
        .isEqualTo(
            """
            USER                                  PROFILE  STATE    AGE   IDLE  CMDS  SPEC     WORKER  CONTAINER
            00000000-0000-4000-8000-000000000001  default  running  1h1m  -     -     other    w2      fedcba987654
            7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10  default  running  1h1m  -     -     current  w1      0123456789ab
            f0000000-0000-4000-8000-000000000001  default  running  1h1m  -     -     other    w2      89abcdef0123
            """);
    assertThat(err.toString())
        .startsWith("idle times and commands are not known: could not read sandbox.live");
    assertThat(engine.calls).containsExactly("close");
  }

  @Test
  void profilesAreListedAsWorkersReadThem(@TempDir Path directory) throws Exception {
    Path file = directory.resolve("profiles.yaml");
    Files.writeString(
        file,
        """
        profiles:
          data-science: {image: "data:1", memory: 3g, cpus: 2, warm: 1-4, environment: {TOKEN: hidden}}
          untrusted: {network: {egress: none}, warm: 0, max_lifetime: off}
        """);
    assertThat(sandbox("profiles", "--file", file.toString(), "--no-running")).isZero();
    assertThat(out.toString())
        .isEqualTo(
            """
            PROFILE       IMAGE                 RUNTIME  MEMORY  CPUS  PIDS  EGRESS  NETWORK        IDLE TTL  LIFETIME  WARM  RUNNING
            default       zcbot-sandbox:latest  default  2048m   1.0   256   public  zcbot-sandbox  5m        1d        2     -
            data-science  data:1                default  3072m   2.0   256   public  zcbot-sandbox  5m        1d        1-4   -
            untrusted     zcbot-sandbox:latest  default  2048m   1.0   256   none    -              5m        -         0     -
            """);
    out.getBuffer().setLength(0);
    assertThat(sandbox("profiles", "--file", file.toString(), "--no-running", "--json")).isZero();
    assertThat(out.toString())
        .contains("\"profile\":\"data-science\"", "\"environment\":[\"TOKEN\"]")
        .doesNotContain("hidden");
    assertThat(sandbox("profiles", "--file", file.toString()))
        .as("without brokers")
        .isEqualTo(ExitCode.UNAVAILABLE);
    Files.writeString(file, "profiles: {a: {memory: much}, b: {nosuch: 1}}");
    assertThat(sandbox("profiles", "--file", file.toString(), "--no-running"))
        .isEqualTo(ExitCode.CONFIG);
    assertThat(err.toString()).contains("a.memory=much", "b.nosuch");
  }

  @Test
  void psJson() {
    container("0123456789abcdef", USER, "w1", "old");
    assertThat(sandbox("ps", "--json")).isZero();
    assertThat(out.toString())
        .startsWith(
            "[{\"user_id\":\""
                + USER
                + "\",\"profile\":\"default\",\"state\":\"running\",\"started_at\":\"")
        .contains(
            "\"last_used_at\":null,\"commands\":null,\"spec\":\"other\",\"worker_id\":\"w1\"");
  }

  @Test
  void anEngineThatIsNotReachedIsExitCode69() {
    engine.failure =
        new EngineException(
            EngineException.Kind.UNAVAILABLE, "list", "no answer; is dockerd running?", null);
    assertThat(sandbox("ps")).isEqualTo(ExitCode.UNAVAILABLE);
    assertThat(err.toString())
        .isEqualTo(
            "could not use the container engine: list: no answer; is dockerd" + " running?\n");
  }

  @Test
  void purgeTouchesOneWorkersSandboxesOnly() {
    container("aaa", USER, "w1", "h");
    container("bbb", OTHER, "w2", "h");

    assertThat(sandbox("purge", "--yes", "--force")).isZero();

    assertThat(engine.calls).containsExactly("remove aaa", "close");
    assertThat(out.toString()).contains("purged zcbot-sandbox-" + USER, "purged 1 of 1");
    assertThat(err.toString())
        .startsWith(
            "the sandboxes are removed, but cannot be announced as reaped: could not read ");
  }

  @Test
  void slotsArePurgedWithoutAWordAndNotListed() {
    engine.addSlot("s1", "f", "w1");

    assertThat(sandbox("ps", "--json")).isZero();
    assertThat(out.toString().strip()).isEqualTo("[]");
    assertThat(sandbox("purge", "--yes", "--force")).isZero();
    assertThat(out.toString()).contains("purged zcbot-slot-f", "purged 1 of 1");
    assertThat(engine.calls).contains("remove s1").doesNotContain("kill s1");
  }

  @Test
  void purgeOfAnotherWorkerByName() {
    container("aaa", USER, "w1", "h");
    container("bbb", OTHER, "w2", "h");
    assertThat(sandbox("purge", "--worker", "w2", "-y", "--force")).isZero();
    assertThat(engine.containers).containsOnlyKeys("aaa");
  }

  /** It would name a directory that is not the worker's. */
  @Test
  void purgeRefusesAnIdThatNoWorkerHas() {
    container("aaa", USER, "..", "h");
    assertThat(sandbox("purge", "--worker", "..", "-y", "--force")).isEqualTo(ExitCode.CONFIG);
    assertThat(err.toString()).contains("ZCBOT_WORKER_ID=..: must be");
    assertThat(engine.containers).hasSize(1);
  }

  @Test
  void purgeAsksFirst() {
    container("aaa", USER, "w1", "h");
    assertThat(sandbox("purge", "--force")).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString())
        .isEqualTo("1 sandboxes of worker w1 were not removed; add --yes to remove them\n");
    assertThat(engine.containers).hasSize(1);
  }

  @Test
  void purgeOfNothing() {
    assertThat(sandbox("purge")).isZero();
    assertThat(out.toString()).isEqualTo("no container of worker w1 is on this engine\n");
  }

  /** Hosts may share the root, and a purge on the other one needs the note. */
  @Test
  void purgeKeepsTheNotesOfMountsThatThisHostDoesNotHave(@TempDir Path root) throws Exception {
    env.put("ZCBOT_WORKSPACE_ROOT", root.toString());
    Path notes = Files.createDirectories(root.resolve(".slots/.views/w1"));
    Path note = Files.writeString(notes.resolve(USER), "");

    assertThat(sandbox("purge", "--force")).isZero();

    assertThat(note).exists();
    assertThat(err.toString()).isEmpty();
  }

  @Test
  void purgeFailsIfItCannotReleaseASlot(@TempDir Path root) throws Exception {
    container("aaa", USER, "w1", "h");
    env.put("ZCBOT_WORKSPACE_ROOT", root.toString());
    Path slot = SlotMounts.directory(root, "w1").resolve("s1").resolve(SlotMounts.WORKSPACE);
    Files.createFile(Files.createDirectories(slot).resolve("file"));

    assertThat(sandbox("purge", "--yes", "--force")).isEqualTo(ExitCode.FAILED);

    assertThat(out.toString()).endsWith("purged 1 of 1\n");
    assertThat(err.toString()).contains("some slots may stay mounted: ", "as root on its host");
  }

  @Test
  void purgeGoesOnAfterAFailureAndTells() {
    container("stuck", USER, "w1", "h");
    container("bbb", OTHER, "w1", "h");
    assertThat(sandbox("purge", "-y", "--force")).isEqualTo(ExitCode.FAILED);
    assertThat(engine.containers).containsOnlyKeys("stuck");
    assertThat(out.toString()).endsWith("purged 1 of 2\n");
    assertThat(err.toString()).contains("could not purge zcbot-sandbox-" + USER + ": remove: busy");
  }

  @Test
  void purgeLeavesARunningWorkersSandboxesAlone() throws Exception {
    container("aaa", USER, "w1", "h");
    try (Metrics metrics = new Metrics();
        OpsServer ops =
            new OpsServer(
                new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
                "h1",
                new Health(),
                metrics,
                Map::of)) {
      metrics.bindInfo("1", "w1", "h1");
      ops.start();
      env.put("ZCBOT_OPS_ADDRESS", "127.0.0.1:" + ops.address().getPort());

      assertThat(sandbox("purge", "-y")).isEqualTo(ExitCode.FAILED);
      assertThat(err.toString())
          .isEqualTo(
              "could not purge the sandboxes of worker w1: it is alive (it answers at /"
                  + env.get("ZCBOT_OPS_ADDRESS")
                  + ") and serves them; stop it, which reaps them, or add --force\n");
      assertThat(engine.containers).hasSize(1);

      assertThat(sandbox("purge", "-y", "--worker", "w2", "--force")).isZero();
      assertThat(sandbox("purge", "-y", "--force")).isZero();
      assertThat(engine.containers).isEmpty();
    }
  }

  @Test
  void purgeRefusesWhileAProcessHoldsTheWorkersLock(@TempDir Path root) throws Exception {
    container("aaa", USER, "w1", "h");
    env.put("ZCBOT_WORKSPACE_ROOT", root.toString());
    Path lock = Files.createDirectories(root.resolve(".workers")).resolve("w1.lock");
    try (FileChannel file =
            FileChannel.open(lock, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        FileLock _ = file.lock()) {
      assertThat(sandbox("purge", "-y")).isEqualTo(ExitCode.FAILED);
    }
    assertThat(err.toString())
        .contains("it is alive (a process on this host holds " + lock + ")", "add --force");
    assertThat(engine.containers).hasSize(1);
  }

  @Test
  void purgeRefusesWhereTheGroupCanNotBeAsked() {
    container("aaa", USER, "w1", "h");
    assertThat(sandbox("purge", "-y")).isEqualTo(ExitCode.UNAVAILABLE);
    assertThat(err.toString())
        .contains("whether it is alive cannot be determined", "Connection refused", "add --force");
    assertThat(engine.containers).hasSize(1);
  }

  @Test
  void theCompletionCompletesInBash(@TempDir Path dir) throws Exception {
    assertThat(sandbox("completion", "bash")).isZero();
    Path script = Files.writeString(dir.resolve("completion"), out.toString());
    Process bash =
        new ProcessBuilder(
                "bash",
                "-c",
                "compopt() { :; }; source " // which refuses to work outside of a completion
                    + script
                    + "; COMP_WORDS=(sandbox ens); COMP_CWORD=1; _complete_sandbox;"
                    + " echo \"${COMPREPLY[*]}\"; COMP_WORDS=(sandbox ps --al); COMP_CWORD=2;"
                    + " _complete_sandbox; echo \"${COMPREPLY[*]}\"")
            .redirectErrorStream(true)
            .start();
    String completed = new String(bash.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(completed).isEqualTo("ensure\n--all-hosts\n");
  }

  @Test
  void theAclsAreThoseOfTheSettings() {
    env.put("ZCBOT_TOPIC_PREFIX", "it.");
    env.put("ZCBOT_GROUP", "the-workers");
    assertThat(
            sandbox(
                "topics",
                "acls",
                "--principal",
                "worker=User:w1",
                "--principal",
                "worker=User:CN=w 2"))
        .isZero();
    assertThat(err.toString()).isEmpty();
    assertThat(out.toString().lines())
        .startsWith("# worker: User:w1, User:CN=w 2")
        .contains(
            "kafka-acls.sh --bootstrap-server 127.0.0.1:1 --add --allow-principal User:w1"
                + " --allow-principal 'User:CN=w 2' --operation Read --operation Write --operation"
                + " DescribeConfigs --topic it.ensure",
            "kafka-acls.sh --bootstrap-server 127.0.0.1:1 --add --allow-principal User:w1"
                + " --allow-principal 'User:CN=w 2' --operation Read --group the-workers");
  }

  @Test
  void theAclsOfAllRolesArePrintedUnlessSomeAreNamed() {
    assertThat(sandbox("topics", "acls", "--command-config", "admin.properties")).isZero();
    assertThat(out.toString())
        .contains(
            "# agent: User:sandbox-agent",
            "# worker: User:sandbox-worker",
            "# auditor: User:sandbox-auditor",
            "# operator: User:sandbox-operator",
            "--command-config admin.properties --add",
            "--group sandbox-agents --resource-pattern-type prefixed",
            "--cluster");
  }

  @Test
  void anUnknownRoleIsRefused() {
    assertThat(sandbox("topics", "acls", "--principal", "boss=User:x")).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString()).contains("agent, worker, gateway, commander, auditor, operator");
    assertThat(sandbox("topics", "acls", "--role", "boss")).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString()).contains("--role boss");
    assertThat(sandbox("topics", "acls", "--principal", "User:x")).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString()).contains("with --role");
  }

  @Test
  void theAclsOfOneRoleArePrintedForPrincipalsThatAreNamedWithoutIt() {
    assertThat(sandbox("topics", "acls", "--principal", "User:CN=a,O=b", "--role", "commander"))
        .isZero();
    String add =
        "kafka-acls.sh --bootstrap-server 127.0.0.1:1 --add --allow-principal 'User:CN=a,O=b'"
            + " --operation ";
    assertThat(out.toString().lines())
        .containsExactly(
            "# commander: User:CN=a,O=b",
            add + "Write --topic sandbox.exec",
            add + "Write --topic sandbox.input",
            add + "Read --topic sandbox.started",
            add + "Read --topic sandbox.output",
            add + "Read --topic sandbox.exited",
            add + "Read --topic sandbox.reply. --resource-pattern-type prefixed");
  }
}
