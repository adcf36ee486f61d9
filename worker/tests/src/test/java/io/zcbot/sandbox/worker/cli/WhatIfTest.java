/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.json.JsonMapper;
import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.w3c.dom.NodeList;

/** The history of twelve users: eight at once, four an hour later. */
@ResourceLock("logging")
class WhatIfTest {
  private static final Instant T0 = Instant.parse("2026-11-24T12:00:00Z");
  private static final JsonMapper JSON = new JsonMapper();

  @TempDir private Path dir;
  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();
  private final Map<String, String> env =
      new HashMap<>(Map.of("ZCBOT_WORKER_ID", "w1", "ZCBOT_HOST", "h1"));
  private final ExportedLog log = new ExportedLog();

  private int sandbox(String... args) {
    Console console =
        new Console(env, new PrintWriter(out, true), new PrintWriter(err, true), false);
    return Cli.commandLine(console).execute(args);
  }

  private static UserId user(int number) {
    return new UserId(new UUID(4, number));
  }

  private static Instant at(double seconds) {
    return T0.plusMillis(Math.round(seconds * 1000));
  }

  private void ready(double t, int user, Ready.Outcome outcome, long tookMs) {
    ready(t, user, "e" + user + "-" + t, outcome, tookMs, Duration.ofSeconds(300));
  }

  private void ready(
      double t, int user, String ensureId, Ready.Outcome outcome, long tookMs, Duration idleTtl) {
    ready(t, user, ensureId, outcome, tookMs, idleTtl, "default");
  }

  private void ready(
      double t,
      int user,
      String ensureId,
      Ready.Outcome outcome,
      long tookMs,
      Duration idleTtl,
      String profile) {
    String container = "container-" + user;
    log.add(
        new Ready(
            EventIds.ready(user(user), "e" + user, container),
            user(user),
            ensureId,
            at(t),
            new ContainerRef("zcbot-sandbox-" + user(user), container, "host-1", "worker-1"),
            outcome,
            new Ready.Environment("unix:///x", "image", "default", "/w", idleTtl),
            tookMs,
            Map.of(),
            null,
            profile));
  }

  private void reaped(double t, int user, Reaped.Reason reason) {
    log.add(
        SampleEvents.reaped(
            user(user), at(t), SampleEvents.container(user(user), "container-" + user), reason));
  }

  /** The host had two slots; a create took 300 ms, one after the other. */
  private void history() {
    for (int i = 0; i < 8; i++) {
      ready(
          i < 2 ? 0.01 : 0.3 * i,
          i,
          i < 2 ? Ready.Outcome.CLAIMED : Ready.Outcome.CREATED,
          i < 2 ? 10 : 300 * i);
    }
    log.add(new Activity("a", user(0), at(200), null));
    for (int i = 1; i < 7; i++) {
      reaped(305, i, Reaped.Reason.IDLE);
    }
    reaped(400, 7, Reaped.Reason.DIED);
    reaped(505, 0, Reaped.Reason.IDLE);
    for (int i = 8; i < 12; i++) {
      ready(3600 + 0.01 * i, i, Ready.Outcome.CLAIMED, 10);
    }
    log.add(
        new Failed(
            EventIds.failed(user(12), "e12"),
            user(12),
            "e12",
            at(3601),
            Failed.Reason.CAPACITY,
            "no",
            true));
    ready(3780, 8, Ready.Outcome.REUSED, 3);
    for (int i = 9; i < 12; i++) {
      reaped(3905, i, Reaped.Reason.IDLE);
    }
    reaped(4085, 8, Reaped.Reason.IDLE);
  }

  private String file() throws IOException {
    return log.in(dir);
  }

  private String table() {
    return out.toString().stripTrailing();
  }

  @Test
  void eachOfTheSettingsHasALineBesideWhatHappened() throws Exception {
    history();
    assertThat(
            sandbox(
                "audit",
                "--input",
                file(),
                "--what-if",
                "warm=0",
                "--what-if",
                "warm=2",
                "--what-if",
                "warm=auto",
                "--what-if",
                "warm=10,ttl=2h",
                "--what-if",
                "warm=0,ttl=60s,max=4"))
        .as(err.toString())
        .isZero();
    assertThat(err.toString()).isEmpty();
    assertThat(table())
        .isEqualTo(
            """
            SETTINGS              CLAIMED  CREATED  REFUSED  SHARE    EVICTED  PEAK  SANDBOX-HOURS  SLOT-HOURS
            as logged             6        6        1        46.2 %   0        8     1.1            -
            warm=0                0        13       0        0.0 %    0        8     1.2            0.0
            warm=2                4        9        0        30.8 %   0        8     1.2            2.3
            warm=auto             7        6        0        53.8 %   0        8     1.2            11.2
            warm=10,ttl=2h        13       0        0        100.0 %  0        12    8.7            11.3
            warm=0,ttl=60s,max=4  0        9        5        0.0 %    0        4     0.2            0.0
            """
                .strip());
  }

  /** A command that runs keeps its sandbox, and one that comes later has one made again. */
  @Test
  void commandsAreUses() throws Exception {
    ready(1, 0, Ready.Outcome.CREATED, 300);
    log.add(exec(10, "x1"));
    log.add(exited(800, "x1"));
    log.add(exec(1000, "x2"));
    log.add(exited(1001, "x2"));
    log.add(new Activity("late", user(0), at(2000), null));
    assertThat(
            sandbox(
                "audit", "--input", file(), "--what-if", "warm=0", "--what-if", "warm=0,ttl=100s"))
        .isZero();
    assertThat(table().lines().map(line -> line.replaceAll(" +", " ")))
        .contains("warm=0 0 1 0 0.0 % 0 1 0.4 0.0")
        .contains("warm=0,ttl=100s 0 2 0 0.0 % 0 1 0.3 0.0");
  }

  /** It is answered once, so its sandbox would be taken to run a command for ever. */
  @Test
  void aCommandThatWasForwardedRunsOnce() throws Exception {
    ready(1, 0, Ready.Outcome.CREATED, 300);
    log.add(exec(10, "x1"));
    log.addForwarded(exec(10, "x1"));
    log.add(exited(11, "x1"));
    log.add(new Activity("late", user(2), at(3600), null));
    assertThat(sandbox("audit", "--input", file(), "--what-if", "warm=0")).isZero();
    assertThat(line("warm=0").split(" +")).endsWith("1", "0.1", "0.0");
  }

  /** Three users of one profile, and one who leaves it for another. */
  @Test
  void theUsersOfOneProfile() throws Exception {
    for (int i = 0; i < 3; i++) {
      ready(i, i, "e" + i, Ready.Outcome.CREATED, 300, Duration.ofHours(2), "analysis");
    }
    ready(3, 3, Ready.Outcome.CREATED, 300);
    ready(1800, 2, "other", Ready.Outcome.CREATED, 300, Duration.ofHours(2), "default");
    log.add(new Activity("late", user(4), at(3600), null));
    String file = file();
    String[] what = {"audit", "--input", file, "--what-if", "warm=0", "--profile", "analysis"};
    assertThat(sandbox(what)).as(err.toString()).isZero();
    assertThat(line("as logged").split(" +")).startsWith("as", "logged", "0", "3", "0");
    assertThat(line("warm=0").split(" +"))
        .containsExactly("warm=0", "0", "3", "0", "0.0", "%", "0", "3", "2.5", "0.0");
    out.getBuffer().setLength(0);
    assertThat(sandbox("audit", "--input", file, "--what-if", "warm=0", "--profile", "default"))
        .isZero();
    assertThat(line("warm=0").split(" +")).startsWith("warm=0", "0", "2", "0");
    assertThat(sandbox("audit", "--input", file, "--profile", "analysis")).isEqualTo(2);
    assertThat(err.toString()).contains("--profile selects what --what-if looks at");
  }

  private String line(String settings) {
    return table().lines().filter(line -> line.startsWith(settings)).findFirst().orElseThrow();
  }

  @Test
  void aSandboxThatACommandHadMadeHasTheTtlThatItsReadyTells() throws Exception {
    ready(0, 1, Ready.Outcome.CREATED, 300);
    log.add(exec(1000, "x1"));
    ready(1000.5, 0, "x1", Ready.Outcome.CREATED, 300, Duration.ofHours(2));
    log.add(exited(1001, "x1"));
    log.add(new Activity("late", user(0), at(1000 + 3600), null));
    assertThat(sandbox("audit", "--input", file(), "--what-if", "warm=0")).isZero();
    assertThat(line("warm=0").split(" +"))
        .containsExactly("warm=0", "0", "2", "0", "0.0", "%", "0", "1", "1.1", "0.0");
  }

  @Test
  void aLaterEnsureChangesTheTtl() throws Exception {
    ready(1, 0, "e1", Ready.Outcome.CREATED, 300, Duration.ofHours(2));
    ready(10, 0, "e2", Ready.Outcome.REUSED, 3, Duration.ofSeconds(60));
    log.add(new Activity("late", user(2), at(3600), null));
    assertThat(
            sandbox(
                "audit", "--input", file(), "--what-if", "warm=0", "--what-if", "warm=0,ttl=2h"))
        .isZero();
    assertThat(line("warm=0 ").split(" +")).endsWith("1", "0.0", "0.0");
    assertThat(line("warm=0,ttl=2h").split(" +")).endsWith("1", "1.0", "0.0");
  }

  /** The command waits for the sandbox that its ready announces: that is one user, not two. */
  @Test
  void aCommandThatIsRefusedIsRefusedOnce() throws Exception {
    ready(1, 1, Ready.Outcome.CREATED, 300);
    log.add(exec(10, "x1"));
    ready(10.5, 0, "x1", Ready.Outcome.CREATED, 300, Duration.ofSeconds(300));
    log.add(exited(11, "x1"));
    assertThat(sandbox("audit", "--input", file(), "--what-if", "warm=0,max=1")).isZero();
    assertThat(line("warm=0,max=1").split(" +"))
        .startsWith("warm=0,max=1", "0", "1", "1", "0.0", "%", "0", "1");
  }

  private static Exec exec(double t, String id) {
    return SampleEvents.exec(id, user(0), at(t), null, "true");
  }

  private static Exited exited(double t, String execId) {
    return SampleEvents.exited(
        EventIds.exited(user(0), execId),
        user(0),
        execId,
        at(t),
        Exited.Reason.EXITED,
        0,
        0,
        SampleEvents.container(user(0), "container-0"),
        at(t),
        1);
  }

  @Test
  void asJson() throws Exception {
    history();
    assertThat(sandbox("audit", "--json", "--input", file(), "--what-if", "warm=2")).isZero();
    List<String> all = out.toString().lines().toList();
    assertThat(all).hasSize(2);
    assertThat(JSON.readTree(all.getFirst()).path("settings").asText()).isEqualTo("as logged");
    assertThat(JSON.readTree(all.getLast()).path("settings").asText()).isEqualTo("warm=2");
    assertThat(JSON.readTree(all.getLast()).path("type").asText()).isEqualTo("what_if");
    assertThat(JSON.readTree(all.getLast()).path("claimed").asInt()).isPositive();
  }

  @Test
  void thePictureHasAPanelForEach() throws Exception {
    history();
    Path picture = dir.resolve("picture.svg");
    assertThat(
            sandbox(
                "audit", "--input", file(), "--what-if", "warm=2", "--picture", picture.toString()))
        .isZero();
    var svg = DocumentBuilderFactory.newInstance().newDocumentBuilder().parse(picture.toFile());
    assertThat(svg.getElementsByTagName("polygon").getLength()).isEqualTo(2);
    NodeList texts = svg.getElementsByTagName("text");
    List<String> said = new ArrayList<>();
    for (int i = 0; i < texts.getLength(); i++) {
      said.add(texts.item(i).getTextContent());
    }
    assertThat(said)
        .contains("as logged: 6 claimed, 6 created, 1 refused, at most 8 at once")
        .contains("users who waited for a create", "users who were refused")
        .contains("12:15", "12:30") // the axis
        .anyMatch(text -> text.startsWith("2026-11-24T12:00:00Z to 2026-11-24T1"));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "warm=many|ZCBOT_SANDBOX_WARM",
        "ttl=soon|ZCBOT_SANDBOX_IDLE_TTL",
        "max=0|ZCBOT_SANDBOX_MAX",
        "pool=3|write some of warm=…, ttl=… and max=…",
        "warm|does not know warm",
        "warm=2,|write some of"
      })
  void whatIsWrongIsNamed(String settings, String said) throws Exception {
    history();
    assertThat(sandbox("audit", "--input", file(), "--what-if", settings)).isNotZero();
    assertThat(err.toString()).contains(said);
    assertThat(out.toString()).isEmpty();
  }

  @Test
  void aPictureNeedsSettings() throws Exception {
    history();
    assertThat(sandbox("audit", "--input", file(), "--picture", "x.svg")).isNotZero();
    assertThat(err.toString()).contains("add --what-if");
  }

  @Test
  void anEmptyLogHasNobody() throws Exception {
    assertThat(sandbox("audit", "--input", file(), "--what-if", "warm=auto")).isZero();
    assertThat(table()).contains("as logged  0", "warm=auto  0").contains("-");
  }
}
