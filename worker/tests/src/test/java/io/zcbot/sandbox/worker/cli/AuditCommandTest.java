/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.events.WorkerRef;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

@ResourceLock("logging")
class AuditCommandTest {
  private static final UserId USER = UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  private static final Instant T0 = Instant.parse("2026-11-24T12:00:00Z");
  private static final JsonMapper JSON = new JsonMapper();

  @TempDir private Path dir;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private final Map<String, String> env =
      new HashMap<>(
          Map.of(
              "ZCBOT_WORKER_ID", "w1",
              "ZCBOT_HOST", "h1",
              "ZCBOT_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1",
              "ZCBOT_KAFKA_DEFAULT_API_TIMEOUT_MS", "150",
              "ZCBOT_KAFKA_REQUEST_TIMEOUT_MS", "150"));
  private final ExportedLog log = new ExportedLog();

  private int sandbox(String... args) {
    Console console =
        new Console(env, new PrintWriter(out, true), new PrintWriter(err, true), false);
    return Cli.commandLine(console).execute(args);
  }

  private static Instant at(double seconds) {
    return T0.plusMillis((long) (seconds * 1000));
  }

  private void ready(double t, String ensureId, String container, Ready.Outcome outcome) {
    log.add(
        SampleEvents.ready(
            USER, ensureId, at(t), SampleEvents.container(USER, container), outcome, 640));
  }

  private void reaped(double t, String container, Reaped.Reason reason) {
    log.add(SampleEvents.reaped(USER, at(t), SampleEvents.container(USER, container), reason));
  }

  /** A history of an hour without violations. */
  private void history() {
    log.add(new Ensure("e1", USER, at(0), null, null));
    ready(0.65, "e1", "0123456789abcdef", Ready.Outcome.CREATED);
    log.add(new Activity("a1", USER, at(10), null));
    log.add(new Ensure("e2", USER, at(20), null, null));
    ready(20.004, "e2", "0123456789abcdef", Ready.Outcome.REUSED);
    reaped(325, "0123456789abcdef", Reaped.Reason.IDLE);
    log.add(new Ensure("e3", USER, at(400), null, null));
    log.add(
        new Failed(
            EventIds.failed(USER, "e3"), USER, "e3", at(401), Failed.Reason.CAPACITY, "no", true));
  }

  private String file() throws IOException {
    return log.in(dir);
  }

  @Test
  void anExportOfTopicsThatCannotBeIsRefused() throws Exception {
    log.add("{\"format\":\"sandbox-export-1\",\"topic_prefix\":\"\\u001b[2J\"}");
    history();
    assertThat(sandbox("audit", "--input", file())).isEqualTo(ExitCode.USAGE);
    assertThat(out.toString()).isEmpty();
    assertThat(err.toString())
        .contains("log.jsonl, line 1, is not a record of an export: topic_prefix")
        .doesNotContain("\u001b");
  }

  /** As with {@code sandbox audit | head -1}. The last line shows whether all was read. */
  @Test
  void anAuditThatNobodyReadsEnds() throws Exception {
    history();
    for (int i = 0; i < 40_000; i++) {
      log.add(new Activity("a" + i, USER, at(500), null));
    }
    log.add("not a record");
    PrintStream closed = new PrintStream(OutputStream.nullOutputStream(), false, UTF_8);
    closed.close();
    Console console =
        new Console(env, new PrintWriter(closed, true), new PrintWriter(err, true), false);
    assertThat(Cli.commandLine(console).execute("audit", "--input", file()))
        .isEqualTo(ExitCode.FAILED);
    assertThat(err.toString().lines())
        .singleElement()
        .asString()
        .startsWith("standard output could not be written");
  }

  @Test
  void aTableAndASummary() throws Exception {
    history();
    assertThat(sandbox("audit", "--input", file())).isZero();
    assertThat(err.toString()).isEmpty();
    assertThat(out.toString())
        .isEqualTo(
            """
            USER                                  WHAT     START                     LASTED    END               ENSURES  ACTIVITY  HOST          WORKER        CONTAINER
            7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10  session  2026-11-24T12:00:00.650Z  5m24s     idle                    2         1  host-1        worker-1      0123456789ab

            records     8 (ensure 3, activity 1, ready 2, reaped 1, failed 1), 2026-11-24T12:00:00.000Z to 2026-11-24T12:06:41.000Z
            ensures     3 (capacity 1, created 1, reused 1)
            latency     created: p50 650 ms, p90 650 ms, p99 650 ms, p99.9 650 ms, max 650 ms
            latency     reused: p50 4 ms, p90 4 ms, p99 4 ms, p99.9 4 ms, max 4 ms
            took        created: p50 640 ms, p90 640 ms, p99 640 ms, p99.9 640 ms, max 640 ms
            took        reused: p50 640 ms, p90 640 ms, p99 640 ms, p99.9 640 ms, max 640 ms
            sessions    1 (idle 1)
            violations  none
            """);
  }

  @Test
  void oneUsersHistoryShowsTheEnsuresToo() throws Exception {
    history();
    assertThat(sandbox("audit", "--user", USER.toString(), "--input", file())).isZero();
    assertThat(out.toString().lines().skip(1).limit(4))
        .satisfiesExactly(
            l -> assertThat(l).contains("  ensure   2026-11-24T12:00:00.000Z  650ms     created"),
            l -> assertThat(l).contains("  ensure   2026-11-24T12:00:20.000Z  4ms       reused"),
            l -> assertThat(l).contains("  session  2026-11-24T12:00:00.650Z  5m24s     idle"),
            l -> assertThat(l).contains("  ensure   2026-11-24T12:06:40.000Z  1000ms    capacity"));
    out.getBuffer().setLength(0);
    assertThat(
            sandbox("audit", "--user", "00000000-0000-4000-8000-000000000001", "--input", file()))
        .isZero();
    assertThat(out.toString()).startsWith("records     0\n");
  }

  /** Two commands, and one without an answer yet. Their input and output is secret. */
  private void commands() {
    log.add(exec(500, "x1", new Exec.Program.Command(List.of("cat", "a b", "\u001b[2J"))));
    log.add(exited(500.25, "x1", Exited.Reason.EXITED, 3));
    log.add(exec(501, "x2", new Exec.Program.Shell("sleep 99")));
    log.add(exited(501.5, "x2", Exited.Reason.NO_SANDBOX, null));
    log.add(exec(502, "x3", new Exec.Program.Shell("true")));
  }

  private static Exec exec(double t, String id, Exec.Program program) {
    return new Exec(
        id,
        USER,
        at(t),
        null,
        null,
        program,
        Data.of("secret"),
        false,
        Map.of("TOKEN", "secret"),
        null,
        null,
        null,
        false,
        null,
        true);
  }

  private static Exited exited(
      double t, String execId, Exited.Reason reason, @Nullable Integer code) {
    boolean hasRun = code != null;
    return new Exited(
        EventIds.exited(USER, execId),
        USER,
        execId,
        at(t),
        reason,
        code,
        null,
        hasRun ? Data.of("secret") : null,
        hasRun ? Data.of("s") : null,
        0,
        false,
        0,
        hasRun
            ? new ContainerRef("zcbot-sandbox-" + USER, "0123456789abcdef", "host-1", "worker-1")
            : new WorkerRef("host-1", "worker-1"),
        hasRun ? at(t - 0.2) : null,
        hasRun ? 200 : 0,
        hasRun ? Duration.ofMillis(11) : null,
        null,
        false);
  }

  @Test
  void oneUsersHistoryShowsTheCommandsToo() throws Exception {
    commands();
    assertThat(sandbox("audit", "--user", USER.toString(), "--input", file())).isZero();
    assertThat(out.toString())
        .doesNotContain("secret")
        .contains(
            "commands    3 (exited 1, no_sandbox 1), 1 open\n", "latency     exited: p50 250 ms");
    assertThat(out.toString().lines().skip(1).limit(3))
        .satisfiesExactly(
            l ->
                assertThat(l)
                    .contains("  command  2026-11-24T12:08:20.000Z  200ms     exited 3  ")
                    .endsWith("  0123456789ab  7 bytes  cat 'a b' '?[2J'"),
            l ->
                assertThat(l)
                    .contains("  command  2026-11-24T12:08:21.000Z  -         no_sandbox  ")
                    .endsWith("  -  0 bytes  sleep 99"),
            l ->
                assertThat(l)
                    .contains("  command  2026-11-24T12:08:22.000Z  -         unanswered  ")
                    .endsWith("  -  true"));
    out.getBuffer().setLength(0);
    assertThat(sandbox("audit", "--input", file())).isZero();
    assertThat(out.toString()).startsWith("records     5 (exec 3, exited 2)");
  }

  @Test
  void commandsAsJson() throws Exception {
    commands();
    log.add(new Ensure("later", USER, at(3600), null, null));
    assertThat(sandbox("audit", "--json", "--input", file())).isEqualTo(ExitCode.FAILED);
    assertThat(out.toString()).doesNotContain("secret");
    List<JsonNode> all = new ArrayList<>();
    for (String line : out.toString().lines().toList()) {
      all.add(JSON.readTree(line));
    }
    assertThat(all.getFirst())
        .hasToString(
            "{\"type\":\"command\",\"user_id\":\""
                + USER
                + "\",\"exec_id\":\"x1\",\"at\":\"2026-11-24T12:08:20Z\","
                + "\"command\":\"cat 'a b' '?[2J'\",\"exec\":\"sandbox.exec-0-0\","
                + "\"reason\":\"exited\",\"exit_code\":3,\"signal\":null,\"oom_killed\":false,"
                + "\"container_id\":\"0123456789abcdef\",\"host\":\"host-1\","
                + "\"worker_id\":\"worker-1\",\"latency_ms\":250,\"took_ms\":200,"
                + "\"cpu_ms\":11,\"outputs\":0,\"output_bytes\":7,\"truncated\":false,"
                + "\"exited\":\"sandbox.exited-0-0\"}");
    JsonNode summary = all.getLast();
    assertThat(summary.path("commands").asInt()).isEqualTo(3);
    assertThat(summary.path("unanswered_commands").asInt()).isOne();
    assertThat(summary.path("exits").path("no_sandbox").asInt()).isOne();
    assertThat(summary.path("command_latency_ms").path("exited").path("p50").asInt())
        .isEqualTo(250);
    assertThat(summary.path("violations").path("I11").asInt()).isOne();
  }

  @Test
  void violationsNameTheirRecordsAndMakeExitCode1() throws Exception {
    history();
    ready(500, "e4", "aaaaaaaaaaaaaaaa", Ready.Outcome.CREATED);
    ready(510, "e5", "bbbbbbbbbbbbbbbb", Ready.Outcome.CREATED);
    reaped(540, "aaaaaaaaaaaaaaaa", Reaped.Reason.DIED);
    reaped(541, "bbbbbbbbbbbbbbbb", Reaped.Reason.DIED);
    assertThat(sandbox("audit", "--summary", "--input", file())).isEqualTo(ExitCode.FAILED);
    assertThat(out.toString())
        .startsWith(
            """
            violation of I1  user 7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10: containers aaaaaaaaaaaaaaaa and bbbbbbbbbbbbbbbb were announced as running at the same time for 30 s
              see sandbox.ready-0-2, sandbox.ready-0-3, sandbox.reaped-0-1

            records     12""")
        .contains("noted       2 answers to ensures not in the log")
        .endsWith("violations  1 (I1 1)\n");
  }

  @Test
  void jsonLines() throws Exception {
    history();
    log.add(new Ensure("lost", USER, at(402), null, null));
    assertThat(sandbox("audit", "--json", "--to", "2026-11-24T13:00:00Z", "--input", file()))
        .isZero();
    log.add(new Ensure("later", USER, at(3600), null, null));
    assertThat(sandbox("audit", "--json", "--to", "2026-11-24T13:00:00Z", "--input", file()))
        .isEqualTo(ExitCode.FAILED);
    List<JsonNode> all = new ArrayList<>();
    for (String line : out.toString().lines().toList()) {
      all.add(JSON.readTree(line));
    }
    assertThat(all.getFirst().toString())
        .isEqualTo(
            "{\"type\":\"ensure\",\"user_id\":\""
                + USER
                + "\",\"event_id\":\"e1\",\"at\":\"2026-11-24T12:00:00Z\","
                + "\"ensure\":\"sandbox.ensure-0-0\",\"outcome\":\"created\","
                + "\"container_id\":\"0123456789abcdef\",\"latency_ms\":650,\"took_ms\":640,"
                + "\"answer\":\"sandbox.ready-0-0\"}");
    assertThat(all)
        .filteredOn(n -> n.path("type").asText().equals("session"))
        .first()
        .hasToString(
            "{\"type\":\"session\",\"user_id\":\""
                + USER
                + "\",\"container_id\":\"0123456789abcdef\",\"profile\":\"default\","
                + "\"host\":\"host-1\","
                + "\"worker_id\":\"worker-1\",\"start\":\"2026-11-24T12:00:00.650Z\","
                + "\"end\":\"2026-11-24T12:05:25Z\",\"reason\":\"idle\",\"lasted_ms\":324350,"
                + "\"ensures\":2,\"activities\":1,\"ready\":\"sandbox.ready-0-0\","
                + "\"reaped\":\"sandbox.reaped-0-0\"}");
    assertThat(all)
        .filteredOn(n -> n.path("type").asText().equals("violation"))
        .singleElement()
        .satisfies(
            v -> {
              assertThat(v.path("check").asText()).isEqualTo("I2");
              assertThat(v.path("evidence").toString()).isEqualTo("[\"sandbox.ensure-0-3\"]");
            });
    JsonNode summary = all.getLast();
    assertThat(summary.path("type").asText()).isEqualTo("summary");
    assertThat(summary.path("end").asText()).isEqualTo("2026-11-24T13:00:00Z");
    assertThat(summary.path("ensures").asInt()).isEqualTo(5);
    assertThat(summary.path("unanswered").asInt()).isEqualTo(2);
    assertThat(summary.path("latency_ms").path("created").path("p99.9").asInt()).isEqualTo(650);
    assertThat(summary.path("violations").path("I2").asInt()).isOne();
    assertThat(summary.path("records").path("sandbox.dead-letter").asInt()).isZero();
  }

  @Test
  void rulesComeFromOptionsOrElseFromTheSettings() throws Exception {
    history();
    env.put("ZCBOT_SANDBOX_IDLE_TTL", "100s");
    assertThat(sandbox("audit", "--input", file())).isEqualTo(ExitCode.FAILED);
    assertThat(out.toString()).contains("violation of I6");
    env.putAll(Map.of("ZCBOT_SANDBOX_BUSY_CPU", "0.05", "ZCBOT_SANDBOX_MAX_LIFETIME", "1d"));
    assertThat(sandbox("audit", "--input", file())).isZero();
    env.keySet().removeAll(List.of("ZCBOT_SANDBOX_BUSY_CPU", "ZCBOT_SANDBOX_MAX_LIFETIME"));
    assertThat(sandbox("audit", "--ttl", "300s", "--input", file())).isZero();
    assertThat(sandbox("audit", "--grace", "5m", "--input", file())).isZero();
    assertThat(sandbox("audit", "--skew", "5m", "--input", file())).isZero();
    assertThat(sandbox("audit", "--interval", "100s", "--input", file())).isZero();
    assertThat(
            sandbox(
                "audit",
                "--outage",
                "2026-11-24T12:01:00Z/2026-11-24T12:05:00Z",
                "--input",
                file()))
        .isZero();
    assertThat(sandbox("audit", "--ttl", "400s", "--input", file())).isEqualTo(ExitCode.FAILED);
    assertThat(out.toString()).contains("violation of I5");
    assertThat(sandbox("audit", "--restart", "adopt", "--ttl", "300s", "--input", file())).isZero();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "audit --from yesterday | write a time such as 2026-11-24T12:00:00Z, or an age such as",
        "audit --from +999999999-01-01T00:00:00Z | write a time of the years 0000 to 9999",
        "audit --to +999999999-01-01T00:00:00Z | write a time of the years 0000 to 9999",
        "usage --from=-0001-12-31T23:59:59Z | write a time of the years 0000 to 9999",
        "audit --outage 2026-11-24T12:00:00Z/+10000-01-01T00:00:00Z | write a time of the years",
        "audit --outage 2026-11-24T12:00:00Z | write two times, the earlier one first",
        "audit --outage 2026-11-24T12:00:00Z/2026-11-24T11:00:00Z | write two times",
        "audit --outage x/y | write two times",
        "audit --restart never | write purge or adopt",
        "audit --ttl soon | write a duration",
        "audit --user me | not a UUID",
        "audit --input /none/at/all | no such file: /none/at/all; name files that 'export' wrote",
      })
  void whatIsNotUnderstoodIsReported(String command, String problem) {
    assertThat(sandbox(command.split(" "))).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString()).contains(problem);
  }

  @Test
  void aFileThatIsNoExport() throws Exception {
    log.add("{}");
    assertThat(sandbox("audit", "--input", file())).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString())
        .contains("log.jsonl, line 1, is not a record of an export: expected topic");
  }

  @ParameterizedTest
  @ValueSource(strings = {"audit", "export"})
  void withoutKafkaItIsExitCode69(String command) {
    assertThat(sandbox(command)).isEqualTo(ExitCode.UNAVAILABLE);
    assertThat(err.toString()).contains("could not read the topics").contains("127.0.0.1:1");
  }

  @ParameterizedTest
  @ValueSource(strings = {"audit", "export"})
  void helpListsTheKeys(String command) {
    assertThat(sandbox(command, "--help")).isZero();
    assertThat(out.toString())
        .contains("Usage: sandbox " + command, "--from", "--user", "ZCBOT_KAFKA_BOOTSTRAP");
  }

  @Test
  void untrustedTextIsHarmlessOnATerminal() throws Exception {
    ready(0, "e", "\u001b[2Jabc", Ready.Outcome.CREATED);
    assertThat(sandbox("audit", "--input", file())).isEqualTo(ExitCode.FAILED);
    assertThat(out.toString()).contains("?[2Jabc").doesNotContain("\u001b");
  }
}
