/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.Exec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.OutputStreamName;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Started;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.WorkerRef;
import io.zcbot.sandbox.worker.audit.result.AuditedCommand;
import io.zcbot.sandbox.worker.audit.result.Check;
import io.zcbot.sandbox.worker.audit.result.Violation;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** I11, I12 and I14, and commands as uses of a sandbox. */
class CommandRuleTest extends OneUsersLog {
  /** Expiry, default time-out, its enforcement, grace, skew. */
  private static final int DUE = 60 + 60 + 15 + 10 + 2;

  private TestLog.Entry exec(double t, String id) {
    return exec(t, id, null, null);
  }

  private TestLog.Entry exec(
      double t, String id, @Nullable Instant expires, @Nullable Duration timeout) {
    return log.add(
        0,
        ms(t),
        new Exec(
            id,
            USER,
            at(t),
            null,
            expires,
            new Exec.Program.Command(List.of("python3", "-c", "print(6*7)")),
            Data.of("secret"),
            false,
            Map.of(),
            null,
            timeout,
            null,
            true,
            null,
            true));
  }

  private TestLog.Entry output(double t, String execId, long seq) {
    return log.add(
        0,
        ms(t),
        new Output(
            EventIds.output(USER, execId, seq),
            USER,
            execId,
            at(t),
            seq,
            OutputStreamName.STDOUT,
            Data.of("secret")));
  }

  private TestLog.Entry exited(double t, String execId, String container, double started) {
    return exited(
        t, EventIds.exited(USER, execId), execId, Exited.Reason.EXITED, container, started, 0);
  }

  private TestLog.Entry exited(
      double t,
      String id,
      String execId,
      Exited.Reason reason,
      @Nullable String container,
      double started,
      long outputs) {
    boolean hasRun = container != null;
    return log.add(
        0,
        ms(t),
        new Exited(
            id,
            USER,
            execId,
            at(t),
            reason,
            reason == Exited.Reason.EXITED ? 3 : null,
            null,
            outputs > 0 ? null : Data.of("secret"),
            null,
            outputs,
            false,
            0,
            hasRun
                ? new ContainerRef("zcbot-sandbox-" + USER, container, "host-w1", "w1")
                : new WorkerRef("host-w1", "w1"),
            hasRun ? at(started) : null,
            hasRun ? ms(t) - ms(started) : 0,
            null,
            null,
            false));
  }

  private TestLog.Entry notStarted(double t, String execId, Exited.Reason reason) {
    return exited(t, EventIds.exited(USER, execId), execId, reason, null, 0, 0);
  }

  private static AuditedCommand only(TestLog.Reported reported) {
    return reported.findings().stream()
        .filter(AuditedCommand.class::isInstance)
        .map(AuditedCommand.class::cast)
        .reduce(
            (a, b) -> {
              throw new AssertionError("two commands: " + a + ", " + b);
            })
        .orElseThrow();
  }

  @Test
  void anExecThatOnlySaysItWasForwardedHasAnIdOfItsOwn() {
    byte[] user = USER.toString().getBytes(StandardCharsets.UTF_8);
    byte[] exec =
        ("{\"user_id\":\"" + USER + "\",\"shell\":\"true\"}").getBytes(StandardCharsets.UTF_8);
    log.raw(Topic.EXEC, 1, ms(0), user, exec);
    log.raw(Topic.EXEC, 0, ms(0), user, exec).header("zcbot_forwarded", "1-0@" + ms(0));
    ready(0, "e1", "c1", "w1");
    exited(1, "sandbox.exec-1-0", "c1", 0.5);
    exited(1, "sandbox.exec-0-0", "c1", 0.7);
    TestLog.Reported reported = audit(DUE + 1);
    assertThat(reported.violations()).isEmpty();
    assertThat(reported.summary().commands().count()).isEqualTo(2);
  }

  @Test
  void aCommandAndItsAnswer() {
    TestLog.Entry exec = exec(0, "e1");
    output(0.1, "e1", 0);
    output(0.2, "e1", 1);
    TestLog.Entry exited =
        exited(0.5, EventIds.exited(USER, "e1"), "e1", Exited.Reason.EXITED, "c1", 0.1, 2);
    TestLog.Reported reported = audit(1_000);
    assertThat(reported.violations()).isEmpty();
    assertThat(only(reported))
        .isEqualTo(
            new AuditedCommand(
                USER,
                "e1",
                at(0),
                "python3 -c 'print(6*7)'",
                exec.position,
                new AuditedCommand.Answer(
                    Exited.Reason.EXITED,
                    3,
                    null,
                    false,
                    new ContainerRef("zcbot-sandbox-" + USER, "c1", "host-w1", "w1"),
                    null,
                    at(0.5),
                    500,
                    400,
                    null,
                    new AuditedCommand.Written(2, 12, false),
                    exited.position)));
    assertThat(reported.findings().toString()).doesNotContain("secret");
    assertThat(reported.summary().commands().answers()).isEqualTo(Map.of(Exited.Reason.EXITED, 1L));
    assertThat(reported.summary().commands().outputBytes()).isEqualTo(12);
  }

  @Test
  void i11OpenUntilExpiryTimeoutAndGraceAreOver() {
    TestLog.Entry exec = exec(0, "e1");
    assertThat(checks(DUE)).isEmpty();
    assertThat(audit(DUE).summary().commands().open()).isOne();
    assertThat(audit(DUE + 0.001).violations())
        .singleElement()
        .satisfies(
            v -> {
              assertThat(v.check()).isEqualTo(Check.I11);
              assertThat(v.evidence()).containsExactly(exec.position);
            });
    assertThat(only(audit(DUE)).answer()).isNull();
  }

  @Test
  void i11GoesByWhatTheExecSaysButItDoesNotWaitForEverToStart() {
    exec(0, "e1", at(5), Duration.ofSeconds(100));
    assertThat(checks(5 + 100 + 27)).isEmpty();
    assertThat(checks(5 + 100 + 27.001)).containsExactly(Check.I11);

    log.entries.clear();
    exec(0, "e1", at(1_000_000), null);
    assertThat(checks(600 + 60 + 27)).isEmpty();
    assertThat(checks(600 + 60 + 27.001)).containsExactly(Check.I11);
  }

  @Test
  void i11IsNotJudgedWhereTheAnswersAreNotKnown() {
    exec(0, "e1");
    assertThat(checksSince(Topic.EXITED, 100, 1_000)).isEmpty();
  }

  @Test
  void i11IsNotJudgedWhereTheAnswerToAMisplacedExecIsNotKnown() {
    exec(0, "e1");
    exec(0, "e1").header("zcbot_forwarded", "0-0@" + ms(0)).partition = 1;
    assertThat(checks(1_000)).containsExactly(Check.I11);
    assertThat(checks(auditSince(Topic.EXITED, 1, 100, 1_000))).isEmpty();
  }

  /** Its header is that of a forwarded exec, and it lies elsewhere than its user's records. */
  @Test
  void i11AnExecThatIsADeadLetterHasNoAnswer() {
    TestLog.Entry astray = exec(0, "e1").header("zcbot_forwarded", "2-7@" + ms(0));
    astray.partition = 1;
    assertThat(checks(1_000)).containsExactly(Check.I11);
    byte[] key = USER.toString().getBytes(StandardCharsets.UTF_8);
    log.raw(Topic.DEAD_LETTER, 0, ms(1), key, key)
        .header("zcbot_topic", "sandbox.exec")
        .header("zcbot_partition", 1)
        .header("zcbot_offset", 0);
    assertThat(checks(1_000)).isEmpty();
  }

  @Test
  void i11AnAnswerMayBeRepeatedUnderItsId() {
    exec(0, "e1");
    exited(1, "e1", "c1", 0.5);
    exited(2, "e1", "c1", 0.5);
    TestLog.Reported reported = audit(1_000);
    assertThat(reported.violations()).isEmpty();
    assertThat(reported.summary().commands().answeredAgain()).isOne();
    assertThat(reported.summary().records().repeated()).containsEntry(Topic.EXITED, 1L);
    assertThat(only(reported).answer()).isNotNull();
  }

  @Test
  void i11AnAnswerUnderAnotherIdIsOneTooMany() {
    exec(0, "e1");
    TestLog.Entry one = notStarted(1, "e1", Exited.Reason.EXPIRED);
    TestLog.Entry other = exited(2, "another", "e1", Exited.Reason.LOST, null, 0, 0);
    exited(3, "third", "e1", Exited.Reason.LOST, null, 0, 0);
    assertThat(audit(1_000).violations())
        .singleElement()
        .satisfies(
            v -> {
              assertThat(v.check()).isEqualTo(Check.I11);
              assertThat(v.evidence()).containsExactly(one.position, other.position);
            });
  }

  @Test
  void anExecThatIsReadAgainIsOneExec() {
    exec(0, "e1");
    exited(1, "e1", "c1", 0.5);
    exec(2, "e1");
    TestLog.Reported reported = audit(1_000);
    assertThat(reported.violations()).isEmpty();
    assertThat(reported.summary().commands().count()).isOne();
    assertThat(reported.summary().records().repeated()).containsEntry(Topic.EXEC, 1L);
  }

  @Test
  void i12OneCommandTwoStarts() {
    exec(0, "e1");
    TestLog.Entry one = exited(1, "e1", "c1", 0.5);
    TestLog.Entry other = exited(2, "e1", "c2", 0.5);
    exited(3, "e1", "c2", 2.5);
    Violation violation = audit(1_000).violations().getFirst();
    assertThat(violation.check()).isEqualTo(Check.I12);
    assertThat(violation.evidence()).containsExactly(one.position, other.position);
    assertThat(audit(1_000).violations()).hasSize(1);

    log.entries.remove(other);
    assertThat(checks(1_000)).containsExactly(Check.I12);
  }

  private TestLog.Entry started(double t, String execId, String container, double at, int pid) {
    return log.add(
        0,
        ms(t),
        new Started(
            EventIds.started(USER, execId),
            USER,
            execId,
            at(at),
            pid,
            new ContainerRef("zcbot-sandbox-" + USER, container, "host-w1", "w1")));
  }

  @Test
  void i12AnAnnouncedStartIsTheOneOfTheAnswer() {
    exec(0, "e1");
    TestLog.Entry one = started(0.6, "e1", "c1", 0.5, 17);
    started(0.7, "e1", "c1", 0.5, 17);
    exited(1, "e1", "c1", 0.5);
    assertThat(audit(1_000).violations()).isEmpty();

    List<TestLog.Entry> others =
        List.of(
            started(2, "e1", "c1", 0.5, 18),
            started(2, "e1", "c2", 0.5, 17),
            exited(2, "e1", "c1", 1.5));
    for (TestLog.Entry other : others) {
      log.entries.removeAll(others);
      log.entries.add(other);
      assertThat(audit(1_000).violations())
          .singleElement()
          .satisfies(
              v -> {
                assertThat(v.check()).isEqualTo(Check.I12);
                assertThat(v.evidence()).contains(one.position);
              });
    }
  }

  /** The worker died after the answer, and the next one knows only that it was started. */
  @Test
  void aLostCommandOfTheSameStartIsNoOther() {
    exec(0, "e1");
    exited(1, "e1", "c1", 0.5);
    exited(20, EventIds.exited(USER, "e1"), "e1", Exited.Reason.LOST, "c1", 0.5, 0);
    notStarted(30, "e1", Exited.Reason.REJECTED);
    assertThat(checks(1_000)).isEmpty();
  }

  /** Answered in the moment in which its worker was killed, and read again by the next. */
  @Test
  void i12IsAboutStartsNotAboutAnswers() {
    exec(0, "e1");
    notStarted(1, "e1", Exited.Reason.REJECTED);
    TestLog.Entry one = exited(2, "e1", "c1", 1.5);
    assertThat(checks(1_000)).isEmpty();
    TestLog.Entry other = exited(3, "e1", "c1", 2.5);
    assertThat(audit(1_000).violations())
        .singleElement()
        .satisfies(
            v -> {
              assertThat(v.check()).isEqualTo(Check.I12);
              assertThat(v.evidence()).containsExactly(one.position, other.position);
            });
  }

  @Test
  void i14AGapInTheOutput() {
    exec(0, "e1");
    output(1, "e1", 0);
    TestLog.Entry third = output(3, "e1", 2);
    output(4, "e1", 4);
    exited(5, EventIds.exited(USER, "e1"), "e1", Exited.Reason.EXITED, "c1", 0.5, 5);
    assertThat(audit(1_000).violations())
        .singleElement()
        .satisfies(
            v -> {
              assertThat(v.check()).isEqualTo(Check.I14);
              assertThat(v.evidence()).containsExactly(third.position);
            });
  }

  @Test
  void i14TheEndOfTheOutputIsMissing() {
    exec(0, "e1");
    output(1, "e1", 0);
    TestLog.Entry end =
        exited(5, EventIds.exited(USER, "e1"), "e1", Exited.Reason.EXITED, "c1", 0.5, 2);
    TestLog.Reported reported = audit(1_000);
    assertThat(reported.violations())
        .singleElement()
        .satisfies(
            v -> {
              assertThat(v.check()).isEqualTo(Check.I14);
              assertThat(v.evidence()).containsExactly(end.position);
            });
    assertThat(only(reported).answer()).isNotNull();
    // The end of the log may have been taken before the outputs were.
    assertThat(checks(15)).isEmpty();
  }

  @Test
  void i14IsNotJudgedWhereTheOutputOfAMisplacedExecIsNotKnown() {
    exec(0, "e1");
    exited(5, EventIds.exited(USER, "e1"), "e1", Exited.Reason.EXITED, "c1", 0.5, 2).partition = 1;
    assertThat(checks(1_000)).containsExactly(Check.I14);
    assertThat(checks(auditSince(Topic.OUTPUT, 1, 100, 1_000))).isEmpty();
  }

  @Test
  void outputMayBeRepeatedAndReadBehindTheAnswer() {
    exec(0, "e1");
    output(1, "e1", 0);
    output(1.1, "e1", 0);
    exited(2, EventIds.exited(USER, "e1"), "e1", Exited.Reason.EXITED, "c1", 0.5, 2);
    output(2.1, "e1", 1);
    TestLog.Reported reported = audit(1_000);
    assertThat(reported.violations()).isEmpty();
    assertThat(reported.summary().records().repeated()).containsEntry(Topic.OUTPUT, 1L);
    assertThat(only(reported).answer().output())
        .isEqualTo(new AuditedCommand.Written(2, 12, false));
  }

  @Test
  void outputsThatRetentionCutOffAreNotMissing() {
    output(1, "e1", 7);
    exited(2, EventIds.exited(USER, "e1"), "e1", Exited.Reason.EXITED, "c1", 0.5, 8);
    TestLog.Reported reported = audit(1_000);
    assertThat(reported.violations()).isEmpty();
    assertThat(reported.summary().commands().answersWithoutExec()).isOne();
  }

  @Test
  void manyCommandsAreEachReportedOnce() {
    for (int i = 0; i < 500; i++) {
      exec(i, "e" + i);
      output(i + 0.1, "e" + i, 0);
      exited(
          i + 0.5, EventIds.exited(USER, "e" + i), "e" + i, Exited.Reason.EXITED, "c1", i + 0.1, 1);
    }
    TestLog.Reported reported = audit(1_000);
    assertThat(reported.violations()).isEmpty();
    assertThat(reported.findings()).filteredOn(AuditedCommand.class::isInstance).hasSize(500);
    assertThat(reported.summary().commands().answers())
        .isEqualTo(Map.of(Exited.Reason.EXITED, 500L));
  }

  @Test
  void aReadyThatAnExecCausedIsNoAnswerToAnUnknownEnsure() {
    exec(0, "e1");
    ready(0.3, "e1", "c1", "w1");
    exited(1, "e1", "c1", 0.5);
    TestLog.Reported reported = audit(100);
    assertThat(reported.violations()).isEmpty();
    assertThat(reported.summary().ensures().answersWithoutEnsure()).isZero();
  }

  @Test
  void i5ACommandIsUse() {
    ready(0, "e0", "c1", "w1");
    exec(100, "e1");
    TestLog.Entry exited = exited(200, "e1", "c1", 100.1);
    TestLog.Entry end = reaped(TTL + 1, "c1", "w1", Reaped.Reason.IDLE);
    Violation violation = audit(1_000).violations().getFirst();
    assertThat(violation.check()).isEqualTo(Check.I5);
    assertThat(violation.evidence()).containsExactly(exited.position, end.position);

    log.entries.remove(end);
    reaped(200 + TTL, "c1", "w1", Reaped.Reason.IDLE);
    assertThat(checks(1_000)).isEmpty();
  }

  @Test
  void i6NoSandboxIsIdleWhileACommandRuns() {
    ready(0, "e0", "c1", "w1");
    exec(1, "e1", null, Duration.ofHours(2));
    assertThat(checks(3_000)).as("still running").isEmpty();
    exited(3_000, "e1", "c1", 1.1);
    activity(3_000 + TTL, "a1");
    reaped(3_000 + 2 * TTL, "c1", "w1", Reaped.Reason.IDLE);
    assertThat(checks(10_000)).isEmpty();
  }

  @Test
  void i6NoSandboxIsIdleWhileOneOfTwoCommandsRuns() {
    ready(0, "e0", "c1", "w1");
    exec(1, "e1", null, Duration.ofHours(2));
    exec(1_000, "e2");
    exited(1_001, "e2", "c1", 1_000.1);
    exited(3_000, "e1", "c1", 1.1);
    TestLog.Entry end = reaped(3_000 + TTL, "c1", "w1", Reaped.Reason.IDLE);
    assertThat(checks(10_000)).isEmpty();

    log.entries.remove(end);
    reaped(3_000 + LONGEST_IDLE + 1, "c1", "w1", Reaped.Reason.IDLE);
    assertThat(checks(10_000)).containsExactly(Check.I6);
  }

  @Test
  void i6IdleBeforeACommand() {
    ready(0, "e0", "c1", "w1");
    exec(1_000, "e1");
    exited(1_001, "e1", "c1", 1_000.1);
    reaped(1_001 + TTL, "c1", "w1", Reaped.Reason.IDLE);
    assertThat(checks(10_000)).containsExactly(Check.I6);
  }

  @Test
  void i6IdleAfterACommand() {
    ready(0, "e0", "c1", "w1");
    exec(1, "e1", null, Duration.ofHours(2));
    TestLog.Entry exited = exited(1_000, "e1", "c1", 1.1);
    TestLog.Entry end = reaped(1_000 + LONGEST_IDLE + 1, "c1", "w1", Reaped.Reason.IDLE);
    Violation violation = audit(10_000).violations().getFirst();
    assertThat(violation.check()).isEqualTo(Check.I6);
    assertThat(violation.evidence()).containsExactly(exited.position, end.position);
  }

  @Test
  void i6CommandsThatRetentionDeletedAreNoIdleness() {
    ready(0, "e0", "c1", "w1");
    exited(7_800, "e1", "c1", 7_799.9);
    exited(8_000, "e2", "c1", 7_999.9);
    assertThat(checks(8_100)).containsExactly(Check.I6);
    assertThat(checksSince(Topic.EXITED, 7_800, 8_100)).as("still there").isEmpty();

    TestLog.Entry end = reaped(8_300, 8_300, "c1", "w1", Reaped.Reason.IDLE, 8_000.0);
    assertThat(checksSince(Topic.EXITED, 7_800, 8_400)).as("reaped").isEmpty();

    log.entries.remove(end);
    TestLog.Entry use = activity(8_000 + LONGEST_IDLE + 1, "a1");
    assertThat(auditSince(Topic.EXITED, 0, 7_800, 8_500).violations())
        .as("idle later on, when all is known")
        .singleElement()
        .satisfies(v -> assertThat(v.evidence()).endsWith(use.position));
  }

  @Test
  void i6ACommandMayRunOfWhichRetentionDeletedTheExec() {
    ready(0, "e0", "c1", "w1");
    activity(100, "a1");
    activity(100 + LONGEST_IDLE + 1, "a2");
    assertThat(checks(600)).containsExactly(Check.I6);
    assertThat(checksSince(Topic.EXEC, 50, 600)).as("used meanwhile").isEmpty();
    log.entries.removeLast();
    assertThat(checks(600)).containsExactly(Check.I6);
    assertThat(checksSince(Topic.EXEC, 50, 600)).as("not used meanwhile").isEmpty();
  }

  /** Whoever answers `lost` does not know when the command ended, and neither does the audit. */
  @Test
  void aLostCommandExcusesAndProvesNothing() {
    ready(0, "e0", "c1", "w1");
    exec(1, "e1", null, Duration.ofHours(2));
    exited(600, EventIds.exited(USER, "e1"), "e1", Exited.Reason.LOST, "c1", 1.1, 0);
    TestLog.Entry end = reaped(600 + TTL, "c1", "w1", Reaped.Reason.IDLE);
    assertThat(checks(10_000)).isEmpty();
    log.entries.remove(end);
    reaped(620, "c1", "w1", Reaped.Reason.IDLE);
    assertThat(checks(10_000)).isEmpty();
  }

  /** A topic that takes the time of whoever writes to it takes any. */
  @Test
  void aTimeBeyondAllArithmeticIsOneOfALateYear() {
    exec(0, "e1");
    ensure(0, "e2");
    log.entries.forEach(entry -> entry.time = Long.MAX_VALUE);
    assertThat(checks(1_000)).isEmpty();
  }

  @Test
  void idsOneForAnExecAndAnEnsure() {
    ensure(0, "same");
    failed(0.1, "same");
    exec(1, "same");
    notStarted(2, "same", Exited.Reason.NO_SANDBOX);
    assertThat(checks(1_000)).containsExactly(Check.IDS);
  }
}
