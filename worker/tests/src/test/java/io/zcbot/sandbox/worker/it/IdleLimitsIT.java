/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.dockerjava.api.command.TopContainerResponse;
import io.zcbot.sandbox.events.CurrentSandbox;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Expiring;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.Worker;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * How long each user's sandbox is kept, what keeps it, and what the events tell about it. That an
 * ensure sets its end and its labels is here too, because they are kept, restored and handed over
 * together with the idle TTL.
 */
@Tag("engine")
@Tag("kafka")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Order(2)
class IdleLimitsIT {
  private static final Duration SOON = Deployment.SOON;
  private static final Duration SHORT = Duration.ofSeconds(6);
  private static final Duration LONG = Duration.ofMinutes(10);
  private static final Map<String, String> ACME = Map.of("tenant", "acme");

  /** For tests that need no other settings and no restart. */
  private Deployment shared;

  @BeforeAll
  void deploy() throws Exception {
    shared = choosing().with("ZCBOT_SANDBOX_NOTICE", "4s");
    shared.start("a");
  }

  @AfterAll
  void leaveNothing() throws Exception {
    shared.close();
  }

  @Test
  void eachUsersSandboxHasItsOwnIdleTtl() throws Exception {
    UserId brief = Deployment.newUser();
    UserId usual = Deployment.newUser();
    UserId patient = Deployment.newUser();
    Ready ready = shared.agent().ensured(brief, SHORT);
    assertThat(ready.environment().idleTtl()).isEqualTo(SHORT);
    assertThat(shared.agent().ensured(usual).environment().idleTtl())
        .isEqualTo(Duration.ofSeconds(8));
    assertThat(shared.agent().ensured(patient, LONG).environment().idleTtl()).isEqualTo(LONG);

    Reaped first = shared.log().awaitReaped(brief, SOON);
    assertThat(first.reason()).isEqualTo(Reaped.Reason.IDLE);
    assertThat(first.lastUse()).isEqualTo(Reaped.Use.ENSURE);
    assertThat(Duration.between(ready.readyAt(), first.reapedAt())).isGreaterThanOrEqualTo(SHORT);
    Reaped second = shared.log().awaitReaped(usual, SOON);
    assertThat(second.reapedAt()).isAfter(first.reapedAt());
    assertThat(shared.log().reaped(patient)).isEmpty();

    // The next ensure ends what was asked for.
    Ready again = shared.agent().ensured(patient);
    assertThat(again.outcome()).isEqualTo(Ready.Outcome.REUSED);
    assertThat(shared.log().awaitReaped(patient, SOON).reason()).isEqualTo(Reaped.Reason.IDLE);
  }

  @Test
  void anIdleTtlOutOfBoundsIsRejected() throws Exception {
    try (Deployment deployment = new Deployment()) {
      deployment.start("a");
      UserId user = Deployment.newUser();
      deployment.agent().ensure(user, Duration.ofSeconds(301));
      Failed failed = deployment.log().awaitFailed(user);
      assertThat(failed.reason()).isEqualTo(Failed.Reason.REJECTED);
      assertThat(failed.retryable()).isFalse();
      assertThat(failed.message())
          .startsWith("idle_ttl_seconds is 301, but this worker allows 10 to 300 seconds");
      assertThat(deployment.host().containersOf(user)).isEmpty();
    }
  }

  @Test
  void theReapedEventTellsWhatHeldTheSandboxInUseLast() throws Exception {
    UserId active = Deployment.newUser();
    UserId atWork = Deployment.newUser();
    // Nobody is to be reaped while somebody else's sandbox is made.
    shared.agent().ensured(active, LONG);
    Ready ready = shared.agent().ensured(atWork, LONG);
    Duration ttl = Duration.ofSeconds(20); // the next steps take less, also on a busy machine
    shared.agent().ensured(active, ttl);
    shared.agent().ensured(atWork, ttl);
    // An answer can be read before its own worker counts it as a use.
    TimeUnit.SECONDS.sleep(2);
    shared.agent().activity(active);
    assertThat(shared.host().exec(ready.containerId(), "true").exitCode()).isZero();
    assertThat(shared.log().awaitReaped(active, SOON).lastUse()).isEqualTo(Reaped.Use.ACTIVITY);
    assertThat(shared.log().awaitReaped(atWork, SOON).lastUse()).isEqualTo(Reaped.Use.EXEC);
  }

  @Test
  void aCommandHoldsItsSandboxInUseWhileItRuns() throws Exception {
    UserId user = Deployment.newUser();
    shared.agent().ensured(user, LONG);
    shared.agent().exec(user, "long", "'command':['sleep','12']");
    shared.agent().ensured(user, SHORT);
    Exited exited = shared.log().awaitExited("long");
    assertThat(exited.reason()).as("%s", exited).isEqualTo(Exited.Reason.EXITED);
    Reaped reaped = shared.log().awaitReaped(user, SOON);
    assertThat(reaped.reason()).isEqualTo(Reaped.Reason.IDLE);
    assertThat(reaped.lastUse()).isEqualTo(Reaped.Use.COMMAND);
    assertThat(Duration.between(exited.exitedAt(), reaped.reapedAt()))
        .isGreaterThan(SHORT.minusMillis(500));
    // Another topic may be read later.
    shared.log().await("a notice", SOON, () -> !shared.log().notices(user).isEmpty());
    assertThat(shared.log().notices(user))
        .singleElement()
        .satisfies(notice -> assertThat(notice.noticedAt()).isAfter(exited.exitedAt()));
  }

  @Test
  void anIdleTtlAndTheUseByACommandOutlastARestartThatAdopts() throws Exception {
    try (Deployment deployment = choosing().with("ZCBOT_RESTART", "adopt")) {
      Worker before = deployment.start("a");
      UserId brief = Deployment.newUser();
      UserId patient = Deployment.newUser();
      UserId user = Deployment.newUser();
      Ready kept = deployment.agent().ensured(patient, LONG);
      deployment.agent().ensured(user, LONG);
      deployment.agent().ensured(user, Duration.ofSeconds(10));
      deployment.agent().exec(user, "short", "'command':['true']");
      assertThat(deployment.log().awaitExited("short").reason()).isEqualTo(Exited.Reason.EXITED);
      deployment.agent().ensured(brief, SHORT);
      deployment.stop(before);
      deployment.start("a");
      assertThat(deployment.log().awaitReaped(brief, SOON).reason()).isEqualTo(Reaped.Reason.IDLE);
      assertThat(deployment.log().awaitReaped(user, SOON).lastUse()).isEqualTo(Reaped.Use.COMMAND);
      TimeUnit.SECONDS.sleep(10); // longer than the worker's own idle TTL
      assertThat(deployment.log().reaped(patient)).isEmpty();
      assertThat(deployment.host().isRunning(kept.containerId())).isTrue();
    }
  }

  @Test
  void anIdleTtlLabelsAndAnEndFollowTheirUserToTheNextHost() throws Exception {
    Instant end = Instant.now().plus(LONG);
    try (Deployment deployment = choosing().with("ZCBOT_SANDBOX_HANDOVER", "eager")) {
      deployment.start("a");
      List<UserId> users = new ArrayList<>();
      for (int partition = 0; partition < deployment.partitions(); partition++) {
        UserId user = deployment.newUserOf(partition);
        users.add(user);
        deployment
            .agent()
            .ensuredWith(
                user,
                "'idle_ttl_seconds':600,'labels':{'tenant':'acme'},'ends_at':'%s'".formatted(end));
      }
      deployment.start("b");
      deployment
          .log()
          .await(
              "a move",
              SOON,
              () -> users.stream().anyMatch(user -> !deployment.log().reaped(user).isEmpty()));
      List<UserId> moved =
          users.stream().filter(user -> !deployment.log().reaped(user).isEmpty()).toList();
      assertThat(moved).isNotEmpty();
      for (UserId user : moved) {
        assertThat(deployment.log().reaped(user).getFirst().reason())
            .isEqualTo(Reaped.Reason.MOVED);
        Ready next = deployment.log().awaitReady(user, 2);
        assertThat(next.environment().idleTtl()).isEqualTo(LONG);
        assertThat(next.labels()).isEqualTo(ACME);
        assertThat(next.endsAt()).isEqualTo(end);
      }
    }
  }

  /** Although the reaper's interval is long: an agent counts on an end to about a second. */
  @Test
  void aSandboxEndsWhenItsEnsuresSayEvenInUseAndAfterARestart() throws Exception {
    try (Deployment deployment =
        new Deployment().with("ZCBOT_RESTART", "adopt").with("ZCBOT_REAPER_INTERVAL", "300s")) {
      Worker before = deployment.start("a");
      UserId inUse = Deployment.newUser();
      UserId moved = Deployment.newUser();
      UserId kept = Deployment.newUser();
      Instant far = Instant.now().plus(LONG);
      deployment.agent().ensured(inUse);
      deployment.agent().ensured(moved);
      deployment.agent().ensuredWith(kept, "'labels':{'tenant':'acme'},'ends_at':'" + far + "'");
      deployment.agent().exec(inUse, "long", "'command':['sleep','600']");
      deployment.agent().exec(inUse, "short", "'command':['true']");
      deployment.log().awaitExited("short"); // it began after the long one

      Instant end = Instant.now().plusSeconds(5);
      deployment.agent().ensuredWith(inUse, "'ends_at':'" + end + "'");
      deployment.agent().ensuredWith(moved, "'ends_at':'" + end + "'");
      Ready later = deployment.agent().ensuredWith(moved, "'ends_at':'" + far + "'");
      assertThat(later.outcome()).isEqualTo(Ready.Outcome.REUSED);
      assertThat(later.endsAt()).isEqualTo(far);
      assertEnded(deployment, inUse, end);
      assertThat(deployment.log().awaitExited("long").reason())
          .isEqualTo(Exited.Reason.SANDBOX_GONE);

      deployment.stop(before);
      deployment.start("a");
      Ready again = deployment.agent().ensured(kept);
      assertThat(again.outcome()).isEqualTo(Ready.Outcome.REUSED);
      assertThat(again.labels()).isEqualTo(ACME);
      assertThat(again.endsAt()).isEqualTo(far);
      awaitCurrent(deployment, again);
      Ready relabelled = deployment.agent().ensuredWith(kept, "'labels':{'task':'report'}");
      assertThat(relabelled.labels()).isEqualTo(Map.of("task", "report"));
      assertThat(relabelled.endsAt()).isEqualTo(far);
      awaitCurrent(deployment, relabelled);

      Instant earlier = Instant.now().plusSeconds(2);
      deployment.agent().ensuredWith(kept, "'ends_at':'" + earlier + "'");
      assertEnded(deployment, kept, earlier);
      assertThat(deployment.log().reaped(moved)).isEmpty();
    }
  }

  private static void assertEnded(Deployment deployment, UserId user, Instant end) {
    Reaped reaped = deployment.log().awaitReaped(user, SOON);
    assertThat(reaped.reason()).isEqualTo(Reaped.Reason.ENDS_AT);
    assertThat(reaped.reapedAt()).isBetween(end, end.plusSeconds(10)); // on a busy machine
  }

  private static void awaitCurrent(Deployment deployment, Ready ready) {
    EventCodec codec = new EventCodec();
    deployment
        .log()
        .await(
            "the entry of " + ready,
            SOON,
            () ->
                deployment.log().records(Topic.CURRENT).stream()
                    .anyMatch(
                        entry ->
                            entry.value() != null
                                && Arrays.equals(
                                    entry.value(), codec.encodeCurrent(CurrentSandbox.of(ready)))));
  }

  @Test
  void anEndIsAnnouncedBeforeItComesAndAgainAfterUse() throws Exception {
    Duration notice = Duration.ofSeconds(20);
    try (Deployment deployment =
        choosing()
            .with("ZCBOT_SANDBOX_IDLE_TTL", "24s")
            .with("ZCBOT_SANDBOX_NOTICE", String.valueOf(notice.toSeconds()))) {
      deployment.start("a");
      UserId user = Deployment.newUser();
      Ready ready = deployment.agent().ensured(user);
      deployment.log().await("a notice", SOON, () -> !deployment.log().notices(user).isEmpty());
      deployment.agent().activity(user);
      deployment
          .log()
          .await("another notice", SOON, () -> deployment.log().notices(user).size() == 2);
      Reaped reaped = deployment.log().awaitReaped(user, SOON);
      List<Expiring> notices = deployment.log().notices(user);
      assertThat(notices).hasSize(2).extracting(Expiring::eventId).doesNotHaveDuplicates();
      for (Expiring each : notices) {
        assertThat(each.containerId()).isEqualTo(ready.containerId());
        assertThat(each.reason()).isEqualTo(Expiring.Reason.IDLE);
        assertThat(Duration.between(each.noticedAt(), each.endsAt()))
            .isBetween(Duration.ofMillis(1), notice);
      }
      assertThat(notices.getFirst().endsAt()).isBefore(reaped.reapedAt());
      // The low watermark may be a moment behind.
      assertThat(Duration.between(notices.getLast().endsAt(), reaped.reapedAt()))
          .isBetween(Duration.ofMillis(-500), SOON);
    }
  }

  @Test
  void aBusySandboxIsKeptUntilItsProcessesRest() throws Exception {
    try (Deployment deployment =
        choosing()
            // On a loaded host a loop gets little of a core; a sleep takes nothing of it.
            .with("ZCBOT_SANDBOX_BUSY_CPU", "0.001")
            .with("ZCBOT_SANDBOX_CPUS", "0.05")
            .with("ZCBOT_SANDBOX_MAX_LIFETIME", "1h")) {
      deployment.start("a");
      UserId busy = Deployment.newUser();
      UserId lazy = Deployment.newUser();
      Ready ready = deployment.agent().ensured(busy, LONG);
      Ready other = deployment.agent().ensured(lazy, LONG);
      String loop = "nohup sh -c 'while :; do :; done' >/dev/null 2>&1 &";
      assertThat(deployment.host().exec(ready.containerId(), "sh", "-c", loop).exitCode()).isZero();
      deployment.agent().ensured(busy, SHORT);
      deployment.agent().ensured(lazy, Duration.ofSeconds(20)); // the command begins before that
      String wait = "nohup sleep 600 >/dev/null 2>&1 &";
      assertThat(deployment.host().exec(other.containerId(), "sh", "-c", wait).exitCode()).isZero();

      assertThat(deployment.log().awaitReaped(lazy, SOON).lastUse()).isEqualTo(Reaped.Use.EXEC);
      TimeUnit.SECONDS.sleep(2 * SHORT.toSeconds());
      assertThat(deployment.log().reaped(busy)).isEmpty();
      endLoop(deployment, ready);
      Reaped reaped = deployment.log().awaitReaped(busy, SOON);
      assertThat(reaped.reason()).isEqualTo(Reaped.Reason.IDLE);
      assertThat(reaped.lastUse()).isEqualTo(Reaped.Use.CPU);
    }
  }

  /** Ends the loop from the host, because an exec would itself be use. */
  private static void endLoop(Deployment deployment, Ready ready) {
    TopContainerResponse top =
        deployment.host().docker().topContainerCmd(ready.containerId()).exec();
    int pid = List.of(top.getTitles()).indexOf("PID");
    String[] loop =
        Stream.of(top.getProcesses())
            .filter(process -> process[process.length - 1].contains("while"))
            .findFirst()
            .orElseThrow();
    ProcessHandle.of(Long.parseLong(loop[pid])).orElseThrow().destroyForcibly();
  }

  /** Ensures may choose nearly any TTL; the default is 8 s. */
  private static Deployment choosing() throws Exception {
    return new Deployment()
        .with("ZCBOT_SANDBOX_IDLE_TTL", "8s")
        .with("ZCBOT_SANDBOX_IDLE_TTL_MIN", "1s")
        .with("ZCBOT_SANDBOX_IDLE_TTL_MAX", "1h");
  }
}
