/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.events.WorkerRef;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.Writer;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
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
class UsageCommandTest {
  private static final UserId ONE = UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  private static final UserId OTHER = UserId.parse("0a3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  private static final Instant NOON = Instant.parse("2026-11-24T12:00:00Z");
  private static final String TO = "2026-11-25T12:00:00Z";

  /** Text that a spreadsheet interprets as a formula, and a terminal as a control sequence. */
  private static final String HOSTILE = "=cmd|'/c calc'!A0\u001b[2J,\"\n@+-1";

  /** The same for names, where control characters are refused. */
  private static final String NAME = "=cmd|'/c calc'!A0,\"@+-1";

  private static final JsonMapper JSON = new JsonMapper();

  @TempDir private Path dir;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private final ExportedLog log = new ExportedLog();

  private int sandbox(String... args) {
    out.getBuffer().setLength(0);
    err.getBuffer().setLength(0);
    Map<String, String> env =
        Map.of("ZCBOT_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1", "ZCBOT_SANDBOX_IDLE_TTL", "24h");
    Console console =
        new Console(env, new PrintWriter(out, true), new PrintWriter(err, true), false);
    return Cli.commandLine(console).execute(args);
  }

  private int usage(String... args) throws IOException {
    List<String> all = new ArrayList<>(List.of("usage"));
    all.addAll(List.of(args));
    if (!all.contains("--to")) {
      all.addAll(List.of("--to", TO));
    }
    all.addAll(List.of("--input", log.in(dir)));
    return sandbox(all.toArray(String[]::new));
  }

  private static Instant at(double seconds) {
    return NOON.plusMillis((long) (seconds * 1000));
  }

  private void ready(UserId user, double t, String container, Ready.Outcome outcome) {
    ready(user, t, container, outcome, "default");
  }

  private void ready(
      UserId user, double t, String container, Ready.Outcome outcome, String profile) {
    log.add(
        new Ready(
            EventIds.ready(user, "e" + t, container),
            user,
            "e" + t,
            at(t),
            new ContainerRef("zcbot-sandbox-" + user, container, NAME, "worker-1"),
            outcome,
            new Ready.Environment("unix:///x", NAME, "default", "/w", null),
            10,
            Map.of(),
            null,
            profile));
  }

  private void reaped(UserId user, double t, String container) {
    log.add(
        SampleEvents.reaped(
            user,
            at(t),
            new ContainerRef("zcbot-sandbox-" + user, container, NAME, "worker-1"),
            Reaped.Reason.REQUESTED));
  }

  private void exec(UserId user, double t, String id) {
    log.add(SampleEvents.exec(id, user, at(t), NAME, HOSTILE));
  }

  private void output(UserId user, double t, String execId, long seq, String data) {
    log.add(
        new Output(
            EventIds.output(user, execId, seq),
            user,
            execId,
            at(t),
            seq,
            OutputStreamName.STDOUT,
            Data.of(data)));
  }

  private void exited(
      UserId user, double t, String execId, @Nullable String container, @Nullable Long cpuMs) {
    log.add(
        new Exited(
            EventIds.exited(user, execId),
            user,
            execId,
            at(t),
            container == null ? Exited.Reason.REJECTED : Exited.Reason.EXITED,
            container == null ? null : 0,
            null,
            null,
            container == null ? null : Data.of("warn"),
            container == null ? 0 : 1,
            false,
            0,
            container == null
                ? new WorkerRef(NAME, "worker-1")
                : new ContainerRef("zcbot-sandbox-" + user, container, NAME, "worker-1"),
            container == null ? null : at(t - 0.1),
            100,
            cpuMs == null ? null : Duration.ofMillis(cpuMs),
            HOSTILE,
            false));
  }

  /**
   * Two users over midnight: one with two sandboxes, the first claimed, and a command; one whose
   * sandbox is still there, with a command that was refused.
   */
  private void history() {
    ready(ONE, 0, "c1", Ready.Outcome.CLAIMED);
    exec(ONE, 1, "x1");
    output(ONE, 1.1, "x1", 0, "0123456789");
    exited(ONE, 1.2, "x1", "c1", 77L);
    reaped(ONE, 1.5, "c1");
    ready(OTHER, 20, "c2", Ready.Outcome.CREATED);
    exec(OTHER, 21, "x2");
    exited(OTHER, 22, "x2", null, null);
    // Twelve hours from noon to midnight, and one minute more.
    ready(ONE, 12 * 3600 - 60, "c3", Ready.Outcome.RECREATED);
    reaped(ONE, 12 * 3600 + 60, "c3");
  }

  @Test
  void aRowForEachUserAndATotal() throws Exception {
    history();
    assertThat(usage()).as("%s", out).isZero();
    assertThat(err.toString()).isEmpty();
    assertThat(out.toString())
        .isEqualTo(
            """
            USER                                  SANDBOXES     CLAIMS  SANDBOX SECONDS   COMMANDS  CPU SECONDS     OUTPUT BYTES
            0a3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10          1          0        43240.000          0        0.000                0
            7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10          2          1          121.500          1        0.077               14
            total                                         3          1        43361.500          1        0.077               14

            time        the beginning to 2026-11-25T00:01:00Z
            noted       1 sandboxes were there at the end, and are counted up to it
            """);
  }

  @Test
  void aDamagedExportIsNamedAndNoContradiction() throws Exception {
    history();
    log.add("{\"topic\"");
    assertThat(usage()).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString())
        .startsWith("could not read an export: ")
        .contains("log.jsonl")
        .endsWith("; name files that 'export' wrote\n");
  }

  /** What an earlier version wrote is read as well, which has no such line. */
  @ParameterizedTest
  @CsvSource({"audit --summary --input", "usage --input"})
  void anExportThatDoesNotSayThatItIsCompleteIsReadAndNoted(String command) throws Exception {
    String format = "{\"format\":\"sandbox-export-1\"%s}";
    log.add(format.formatted(",\"end\":" + at(100).toEpochMilli()));
    ready(ONE, 0, "c1", Ready.Outcome.CREATED);
    reaped(ONE, 2, "c1");
    assertThat(sandbox((command + " " + log.in(dir)).split(" "))).isZero();
    assertThat(err.toString())
        .startsWith("noted: " + dir.resolve("log.jsonl") + " does not say that it is complete");
    log.add(format.formatted(",\"complete\":true"));
    assertThat(sandbox((command + " " + log.in(dir)).split(" "))).isZero();
    assertThat(err.toString()).isEmpty();
  }

  /** The brokers' clocks date the records, and the end that the report names. */
  @Test
  void theSumsReachTheEndOfALogThatIsAheadOfThisMachinesClock() throws Exception {
    double now = Duration.between(NOON, Instant.now()).toSeconds();
    long end = at(now + 360).toEpochMilli();
    log.add("{\"format\":\"sandbox-export-1\",\"end\":%d}".formatted(end));
    ready(ONE, now + 120, "c1", Ready.Outcome.CREATED);
    reaped(ONE, now + 240, "c1");
    ready(ONE, now + 300, "c2", Ready.Outcome.CREATED);
    assertThat(sandbox("usage", "--json", "--input", log.in(dir))).as("%s", out).isZero();
    assertThat(total().path("to").asText()).isEqualTo(Instant.ofEpochMilli(end).toString());
    assertThat(total().path("sandbox_seconds").decimalValue()).isEqualByComparingTo("180");
  }

  @Test
  void processorTimesThatNoCommandCanHaveAddUp() throws Exception {
    ready(ONE, 0, "c1", Ready.Outcome.CREATED);
    for (String id : List.of("x1", "x2")) {
      exec(ONE, 1, id);
      output(ONE, 1.1, id, 0, "0");
      exited(ONE, 1.2, id, "c1", Long.MAX_VALUE);
    }
    reaped(ONE, 2, "c1");
    assertThat(usage("--csv")).as("%s", out).isZero();
    assertThat(out.toString()).contains(",2,6307200000.000,");
  }

  @Test
  void aRowForEachDayAsCsv() throws Exception {
    history();
    assertThat(usage("--by", "day", "--csv", "--from", "2026-11-24T12:00:00Z")).isZero();
    assertThat(out.toString())
        .isEqualTo(
            """
            day,sandboxes,claims,sandbox_seconds,commands,cpu_seconds,output_bytes
            2026-11-24,3,1,43241.500,1,0.077,14
            2026-11-25,0,0,120.000,0,0.000,0
            """);
    assertThat(err.toString()).contains("1 sandboxes were there at the end");
  }

  @Test
  void aRowForEachProfileAsCsv() throws Exception {
    history();
    ready(ONE, 12 * 3600 + 61, "c4", Ready.Outcome.RECREATED, "data-science");
    exec(ONE, 12 * 3600 + 62, "x4");
    output(ONE, 12 * 3600 + 62.5, "x4", 0, "abc");
    exited(ONE, 12 * 3600 + 63, "x4", "c4", 500L);
    reaped(ONE, 12 * 3600 + 64, "c4");
    ready(ONE, 12 * 3600 + 65, "c5", Ready.Outcome.CREATED, NAME);
    reaped(ONE, 12 * 3600 + 66, "c5");
    assertThat(usage("--by", "profile", "--csv")).as("%s%s", out, err).isZero();
    assertThat(out.toString())
        .startsWith("profile,sandboxes,claims,sandbox_seconds,commands,cpu_seconds,output_bytes\n")
        .contains(
            "\n(unknown),1,0,1.000,0,0.000,0\n",
            "\ndata-science,1,0,3.000,1,0.500,7\n",
            "\ndefault,3,1,");
  }

  @Test
  void aTimeThatEndsAtMidnightHasNothingOfTheNextDay() throws Exception {
    log.add(
        "{\"format\":\"%s\",\"end\":%d}"
            .formatted("sandbox-export-1", at(24 * 3600).toEpochMilli()));
    history();
    assertThat(usage("--by", "day", "--csv", "--to", "2026-11-25T00:00:00Z")).isZero();
    assertThat(out.toString().lines().skip(1))
        .containsExactly("2026-11-24,3,1,43241.500,1,0.077,14");
  }

  /** As where the disk is full. */
  @ParameterizedTest
  @ValueSource(strings = {"usage --csv --input ", "audit --json --input "})
  void whatCannotBePrintedIsExitCode1(String command) throws Exception {
    history();
    reaped(OTHER, 12 * 3600 + 70, "c2");
    Writer full =
        new Writer() {
          @Override
          public void write(char[] from, int at, int length) throws IOException {
            throw new IOException("No space left on device");
          }

          @Override
          public void flush() {}

          @Override
          public void close() {}
        };
    Console console =
        new Console(
            Map.of("ZCBOT_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1"),
            new PrintWriter(full, true),
            new PrintWriter(err, true),
            false);
    assertThat(Cli.commandLine(console).execute((command + log.in(dir)).split(" ")))
        .isEqualTo(ExitCode.FAILED);
    assertThat(err.toString()).contains("standard output could not be written");
  }

  @Test
  void jsonOfOneUserEndsWithTheTotal() throws Exception {
    history();
    assertThat(usage("--json", "--user", ONE.toString())).isZero();
    assertThat(out.toString())
        .isEqualTo(
            """
            {"type":"usage","user_id":"7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10","sandboxes":2,"claims":1,"sandbox_seconds":121.500,"commands":1,"cpu_seconds":0.077,"output_bytes":14}
            {"type":"total","from":null,"to":"2026-11-25T00:01:00Z","sandboxes":2,"claims":1,"sandbox_seconds":121.500,"commands":1,"cpu_seconds":0.077,"output_bytes":14,"sandboxes_since":null,"commands_since":null,"sandboxes_open":0,"sandboxes_without_beginning":0,"commands_without_cpu":0,"exits_without_exec":0,"violations":{},"older_violations":{}}
            """);
  }

  /** What began before is counted from then on, and nothing twice where times meet. */
  @Test
  void timesThatMeetAddUpToTheWhole() throws Exception {
    history();
    String middle = "2026-11-24T12:00:01.200Z";
    assertThat(usage("--json", "--to", middle)).isZero();
    JsonNode before = total();
    assertThat(before.path("sandbox_seconds").decimalValue()).isEqualByComparingTo("1.2");
    assertThat(before.path("commands").asInt()).isZero();
    assertThat(usage("--json", "--from", middle)).isZero();
    JsonNode after = total();
    assertThat(after.path("commands").asInt()).isOne();
    assertThat(usage("--json")).isZero();
    for (String sum : List.of("sandboxes", "sandbox_seconds", "commands", "cpu_seconds")) {
      assertThat(before.path(sum).decimalValue().add(after.path(sum).decimalValue()))
          .as(sum)
          .isEqualByComparingTo(total().path(sum).decimalValue());
    }
  }

  /** The audit prints what the sums are made of. */
  @Test
  void theSumsAreThoseOfTheAuditsSessionsAndCommands() throws Exception {
    history();
    reaped(OTHER, 12 * 3600 + 70, "c2");
    assertThat(usage("--json")).isZero();
    JsonNode total = total();
    assertThat(sandbox("audit", "--json", "--input", dir.resolve("log.jsonl").toString())).isZero();
    assertThat(total.path("sandbox_seconds").decimalValue().movePointRight(3))
        .isEqualByComparingTo(sum("session", "lasted_ms"));
    assertThat(total.path("cpu_seconds").decimalValue().movePointRight(3))
        .isEqualByComparingTo(sum("command", "cpu_ms"));
    assertThat(total.path("output_bytes").decimalValue())
        .isEqualByComparingTo(sum("command", "output_bytes"));
  }

  private BigDecimal sum(String type, String field) throws IOException {
    BigDecimal sum = BigDecimal.ZERO;
    for (String line : out.toString().lines().toList()) {
      JsonNode json = JSON.readTree(line);
      if (json.path("type").asText().equals(type)) {
        sum = sum.add(json.path(field).decimalValue());
      }
    }
    assertThat(sum).isPositive();
    return sum;
  }

  private JsonNode total() throws IOException {
    return JSON.readTree(out.toString().lines().toList().getLast());
  }

  /** An end that is missing would be paid for ever. */
  @Test
  void aLogThatContradictsTheSumsIsExitCode1() throws Exception {
    ready(ONE, 0, "c1", Ready.Outcome.CREATED);
    ready(ONE, 100, "c2", Ready.Outcome.CREATED);
    reaped(ONE, 300, "c2");
    assertThat(usage()).isEqualTo(ExitCode.FAILED);
    assertThat(out.toString()).contains("unproved    1 violations of I4, see 'sandbox audit'\n");
    assertThat(usage("--json")).isEqualTo(ExitCode.FAILED);
    assertThat(total().path("violations")).hasToString("{\"I4\":1}");
  }

  /** The log is read from its beginning, whatever the time is. */
  @Test
  void aViolationThatIsOlderThanTheTimeIsNoted() throws Exception {
    exec(ONE, -86_400, "lost");
    ready(OTHER, 10, "c1", Ready.Outcome.CREATED);
    reaped(OTHER, 20, "c1");
    assertThat(usage("--from", NOON.toString())).as("%s", out).isZero();
    assertThat(out.toString())
        .contains("noted       1 violations of I11 are too old to change these sums\n")
        .doesNotContain("unproved");
    assertThat(usage("--json", "--from", NOON.toString())).isZero();
    assertThat(total().path("violations")).isEmpty();
    assertThat(total().path("older_violations")).hasToString("{\"I11\":1}");
    // Its answer was not due yet.
    assertThat(usage("--from", at(-86_400 + 60).toString())).isEqualTo(ExitCode.FAILED);
    assertThat(out.toString()).contains("unproved    1 violations of I11");
  }

  @Test
  void anOlderViolationOfAUserOfTheTimeMayChangeTheSums() throws Exception {
    exec(ONE, -86_400, "lost");
    ready(ONE, 10, "c1", Ready.Outcome.CREATED);
    reaped(ONE, 20, "c1");
    assertThat(usage("--from", at(15).toString())).isEqualTo(ExitCode.FAILED);
    assertThat(out.toString()).contains("unproved    1 violations of I11");
    assertThat(usage("--from", at(21).toString())).isZero();
    assertThat(out.toString()).contains("noted       1 violations of I11");
  }

  /** Its end would be in the time, or it has lasted until now. */
  @Test
  void whatIsMissingOfAnOlderSandboxMayChangeTheSums() throws Exception {
    ready(ONE, -86_400, "c1", Ready.Outcome.CREATED);
    reaped(ONE, -86_000, "c1");
    ready(ONE, -85_000, "c1", Ready.Outcome.REUSED);
    assertThat(usage("--from", NOON.toString())).isEqualTo(ExitCode.FAILED);
    assertThat(out.toString()).contains("unproved    1 violations of I4");
  }

  @ParameterizedTest
  @CsvSource({"ready, 1", "reaped, 1", "exec, 1", "exited, 0", "output, 0", "activity, 0"})
  void anOlderRecordThatCannotBeReadMattersIfItIsOfWhatMayHaveLasted(String topic, int code)
      throws Exception {
    log.add(
        "{\"topic\":\"sandbox.%s\",\"partition\":0,\"offset\":0,\"timestamp\":%d,\"value\":\"x\"}"
            .formatted(topic, at(-86_400).toEpochMilli()));
    ready(ONE, 10, "c1", Ready.Outcome.CREATED);
    reaped(ONE, 20, "c1");
    assertThat(usage("--from", NOON.toString())).as("%s", out).isEqualTo(code);
    assertThat(out.toString()).contains("1 violations of unreadable");
  }

  @Test
  void whatTheLogCannotTellIsNoted() throws Exception {
    ready(ONE, 50, "c1", Ready.Outcome.REUSED);
    exec(ONE, 51, "x1");
    output(ONE, 51.1, "x1", 0, "");
    exited(ONE, 52, "x1", "c1", null);
    exited(ONE, 53, "gone", null, null);
    reaped(ONE, 60, "c1");
    reaped(OTHER, 61, "c2");
    assertThat(usage()).isZero();
    assertThat(out.toString())
        .contains("total                                         0          0           10.000")
        .contains("noted       2 sandboxes are older than their first record, counted from it\n")
        .contains("noted       1 commands have no processor time\n")
        .contains("noted       1 ends of commands without their exec, not counted\n");
    assertThat(usage("--from", at(70).toString())).isZero();
    assertThat(out.toString()).doesNotContain("older");
  }

  /** The log of {@link #history} is full of it. */
  @Test
  void aCellIsAUserADateOrANumberSoThatNoTextOfOthersIsPrinted() throws Exception {
    history();
    for (String by : List.of("user", "day", "profile")) {
      assertThat(usage("--csv", "--by", by)).isZero();
      assertThat(out.toString().lines().skip(1))
          .isNotEmpty()
          .allMatch(
              row ->
                  row.matches(
                      "([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
                          + "|\\d{4}-\\d{2}-\\d{2}|default)(,\\d+(\\.\\d{3})?){6}"));
      for (String form : List.of("--csv", "--json")) {
        assertThat(usage(form, "--by", by)).isZero();
        assertThat(out + err.toString()).doesNotContain("\u001b", "cmd");
      }
    }
  }

  @Test
  void nothingWasUsed() throws Exception {
    assertThat(usage("--csv")).isZero();
    assertThat(out.toString().lines()).hasSize(1);
    assertThat(usage("--json")).isZero();
    assertThat(total().path("sandboxes").asInt()).isZero();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "usage --from yesterday | write a time such as 2026-11-24T12:00:00Z, or an age such as",
        "usage --from 1h --to 2h | --from is not before --to: name an earlier time in --from",
        "usage --by week | write user, day or profile",
        "usage --csv --json | mutually exclusive",
        "usage --input /none/at/all | no such file: /none/at/all; name files that 'export' wrote",
      })
  void whatIsNotUnderstoodIsReported(String command, String problem) {
    assertThat(sandbox(command.split(" "))).isEqualTo(ExitCode.USAGE);
    assertThat(err.toString()).contains(problem);
  }
}
