/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.audit.result.Check;
import io.zcbot.sandbox.worker.audit.result.Violation;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Edge cases of I5 and I6. */
class IdleRuleTest extends OneUsersLog {
  @Test
  void i5InUseWithinTheTtlButNotWithinTheGrace() {
    ready(0, "e1", "c1", "w1");
    activity(100, "a1");
    reaped(100 + TTL - 2, "c1", "w1", Reaped.Reason.IDLE);
    assertThat(checks(500)).isEmpty();
    log.entries.removeLast();
    TestLog.Entry end = reaped(100 + TTL - 2.001, "c1", "w1", Reaped.Reason.IDLE);
    assertThat(checks(500)).containsExactly(Check.I5);

    log.entries.remove(end);
    log.entries.removeLast();
    // Too late to be known when it was judged.
    activity(TTL - 9.999, "a2");
    reaped(TTL, "c1", "w1", Reaped.Reason.IDLE);
    assertThat(checks(500)).isEmpty();
    activity(TTL - 10, "a3");
    assertThat(checks(500)).containsExactly(Check.I5);
  }

  @Test
  void i5MustBeSoByBothTimesOfTheReaped() {
    ready(0, "e1", "c1", "w1");
    activity(TTL + 50, "a1");
    // Killed at 301, announced once Kafka was back; nobody could know of the activity.
    reaped(TTL + 100, TTL + 1, "c1", "w1", Reaped.Reason.IDLE, null);
    assertThat(checks(500)).isEmpty();
  }

  @Test
  void i5IsAboutIdleAlone() {
    ready(0, "e1", "c1", "w1");
    reaped(20, "c1", "w1", Reaped.Reason.LIFETIME);
    assertThat(checks(500)).isEmpty();
  }

  @Test
  void i5ReapedBeforeItsEnd() {
    ready(0, "e1", "c1", "w1", at(100));
    reaped(98, "c1", "w1", Reaped.Reason.ENDS_AT);
    assertThat(checks(500)).isEmpty();
    log.entries.removeLast();
    TestLog.Entry early = reaped(97.999, "c1", "w1", Reaped.Reason.ENDS_AT);
    Violation violation = audit(500).violations().getFirst();
    assertThat(violation.check()).isEqualTo(Check.I5);
    assertThat(violation.evidence()).endsWith(early.position);
    log.entries.remove(early);
    reaped(20, "c1", "w1", Reaped.Reason.REQUESTED);
    assertThat(checks(500)).as("for another reason").isEmpty();
  }

  @Test
  void i5ReapedForAnEndThatAnEnsureMovedOrThatNoneSet() {
    ready(0, "e1", "c1", "w1", at(100));
    ready(50, "e2", "c1", "w1", at(200));
    reaped(100, "c1", "w1", Reaped.Reason.ENDS_AT);
    assertThat(checks(500)).containsExactly(Check.I5);
    log.entries.removeFirst();
    log.entries.removeFirst();
    ready(0, "e1", "c1", "w1");
    assertThat(checks(500)).containsExactly(Check.I5);
  }

  @Test
  void i5AnEndWhoseReadyIsNotInTheLogIsNotJudged() {
    reaped(100, "c1", "w1", Reaped.Reason.ENDS_AT);
    assertThat(checks(500)).isEmpty();
  }

  @Test
  void i6OutlivedItsEnd() {
    ready(0, "e1", "c1", "w1", at(100));
    activity(120, "a1");
    TestLog.Entry end = reaped(132, "c1", "w1", Reaped.Reason.ENDS_AT);
    assertThat(checks(500)).isEmpty();
    log.entries.remove(end);
    assertThat(checks(132)).as("still there").isEmpty();
    assertThat(checks(132.001)).as("still there").containsExactly(Check.I6);
    end = reaped(132.001, "c1", "w1", Reaped.Reason.ENDS_AT);
    assertThat(checks(500)).containsExactly(Check.I6);
    log.entries.remove(end);
    reaped(200, "c1", "w1", Reaped.Reason.LOST);
    assertThat(checks(500)).as("the worker was away").isEmpty();
    log.entries.removeLast();
    ready(130, "e2", "c1", "w1", at(200));
    reaped(200, "c1", "w1", Reaped.Reason.ENDS_AT);
    assertThat(checks(500)).as("moved").isEmpty();
  }

  @Test
  void i5HoldsForASandboxInUseAllTheTime() {
    ready(0, "e1", "c1", "w1");
    for (int t = 1; t < 2_000; t++) {
      activity(t, "a" + t);
    }
    TestLog.Entry end = reaped(2_000, "c1", "w1", Reaped.Reason.IDLE);
    Violation violation = audit(2_100).violations().getFirst();
    assertThat(violation.check()).isEqualTo(Check.I5);
    assertThat(violation.evidence().getLast()).isEqualTo(end.position);
    // The latest use that the worker must have known, to within half a grace.
    assertThat(violation.evidence().getFirst().offset()).isBetween(1_983L, 1_989L);
  }

  @Test
  void i6ReapedTooLate() {
    ready(0, "e1", "c1", "w1");
    reaped(LONGEST_IDLE, "c1", "w1", Reaped.Reason.IDLE);
    assertThat(checks(500)).isEmpty();
    log.entries.removeLast();
    reaped(LONGEST_IDLE + 0.001, "c1", "w1", Reaped.Reason.IDLE);
    assertThat(checks(500)).containsExactly(Check.I6);
    log.entries.removeLast();
    // A command ran in it, says the worker.
    reaped(900, 900, "c1", "w1", Reaped.Reason.IDLE, 595.0);
    assertThat(checks(1_000)).isEmpty();
    log.entries.removeLast();
    // The worker was away.
    for (Reaped.Reason reason :
        List.of(
            Reaped.Reason.PURGED,
            Reaped.Reason.MOVED,
            Reaped.Reason.LOST,
            Reaped.Reason.SHUTDOWN)) {
      TestLog.Entry end = reaped(900, "c1", "w1", reason);
      assertThat(checks(1_000)).isEmpty();
      log.entries.remove(end);
    }
  }

  @Test
  void eachSandboxIsJudgedByTheIdleTtlOfItsLastReady() {
    ready(0, "e1", "c1", "w1", Duration.ofSeconds(60));
    TestLog.Entry early = reaped(57.9, "c1", "w1", Reaped.Reason.IDLE);
    assertThat(checks(500)).containsExactly(Check.I5);
    log.entries.remove(early);
    reaped(60, "c1", "w1", Reaped.Reason.IDLE);
    assertThat(checks(500)).isEmpty();
    log.entries.removeLast();
    reaped(60 + 32.1, "c1", "w1", Reaped.Reason.IDLE);
    assertThat(checks(500)).containsExactly(Check.I6);
    log.entries.removeLast();
    // The next ensure asked for more.
    ready(50, "e2", "c1", "w1", Duration.ofSeconds(600));
    TestLog.Entry end = reaped(650, "c1", "w1", Reaped.Reason.IDLE);
    assertThat(checks(700)).isEmpty();
    log.entries.remove(end);
    reaped(350, "c1", "w1", Reaped.Reason.IDLE);
    assertThat(checks(700)).containsExactly(Check.I5);
  }

  @Test
  void i6StillThereAtTheEnd() {
    TestLog.Entry ready = ready(0, "e1", "c1", "w1");
    assertThat(checks(LONGEST_IDLE)).isEmpty();
    assertThat(audit(LONGEST_IDLE + 0.001).violations())
        .singleElement()
        .satisfies(
            v -> {
              assertThat(v.check()).isEqualTo(Check.I6);
              assertThat(v.evidence()).containsExactly(ready.position);
            });
  }

  @Test
  void i6IdleTooLongAndUsedAgain() {
    TestLog.Entry ready = ready(0, "e1", "c1", "w1");
    TestLog.Entry use = activity(LONGEST_IDLE + 1, "a1");
    reaped(LONGEST_IDLE + 1 + TTL, "c1", "w1", Reaped.Reason.IDLE);
    Violation violation = audit(1_000).violations().getFirst();
    assertThat(violation.check()).isEqualTo(Check.I6);
    assertThat(violation.evidence()).containsExactly(ready.position, use.position);
  }

  /** Kafka was away when it was reaped, so a use was read that came after its end. */
  @Test
  void i6AUseAfterTheEndHidesNoGapBeforeIt() {
    TestLog.Entry ready = ready(0, "e1", "c1", "w1");
    TestLog.Entry use = activity(LONGEST_IDLE + 1, "a1");
    activity(2 * (LONGEST_IDLE + 1), "a2");
    reaped(700, LONGEST_IDLE + 1 + TTL, "c1", "w1", Reaped.Reason.IDLE, null);
    assertThat(audit(1_000).violations())
        .singleElement()
        .satisfies(
            v -> {
              assertThat(v.check()).isEqualTo(Check.I6);
              assertThat(v.evidence()).containsExactly(ready.position, use.position);
            });
  }

  /** As where topics of commands are kept for an hour. */
  @Test
  void i6IsCountedWhileEachUseIsKnown() {
    ready(0, "e1", "c1", "w1");
    for (Topic cut : List.of(Topic.ACTIVITY, Topic.READY, Topic.EXITED)) {
      assertThat(checksSince(cut, 7_200, 7_202 + LONGEST_IDLE)).isEmpty();
      assertThat(checksSince(cut, 7_200, 7_202.002 + LONGEST_IDLE)).containsExactly(Check.I6);
    }
  }

  @Test
  void i6NeedsNoLogIfTheWorkerSaysWhenAnIdleSandboxWasUsedLast() {
    ready(0, "e1", "c1", "w1");
    TestLog.Entry end = reaped(900, 900, "c1", "w1", Reaped.Reason.IDLE, 500.0);
    for (Topic cut : List.of(Topic.ACTIVITY, Topic.READY, Topic.EXITED, Topic.EXEC)) {
      assertThat(checksSince(cut, 890, 1_000)).as("%s", cut).containsExactly(Check.I6);
    }
    log.entries.remove(end);
    reaped(900, 900, "c1", "w1", Reaped.Reason.DIED, 500.0);
    assertThat(checksSince(Topic.EXEC, 890, 1_000)).as("a command may have run").isEmpty();
    log.entries.removeLast();
    reaped(900, "c1", "w1", Reaped.Reason.IDLE);
    assertThat(checksSince(Topic.EXEC, 890, 1_000)).as("last use not told").isEmpty();
  }

  /** A command of before may still run in a sandbox that was there before. */
  @Test
  void i6ExecsOfLongBeforeASandboxDoNotMatter() {
    TestLog.Entry ready = ready(0, "e1", "c1", "w1");
    double first = -Rules.DEFAULT.longestWait() / 1000.0;
    assertThat(checksSince(Topic.EXEC, first, 1_000)).isEmpty();
    assertThat(checksSince(Topic.EXEC, first - 3, 1_000)).containsExactly(Check.I6);
    Ready created = (Ready) ready.event;
    ready.event =
        new Ready(
            created.eventId(),
            created.userId(),
            created.ensureId(),
            created.readyAt(),
            created.container(),
            Ready.Outcome.REUSED,
            created.environment(),
            created.tookMs());
    assertThat(checksSince(Topic.EXEC, first - 3, 1_000)).isEmpty();
    double longest = Rules.DEFAULT.longestCommand() / 1000.0;
    assertThat(checksSince(Topic.EXEC, 997 - longest, 1_000)).containsExactly(Check.I6);
  }

  @Test
  void i6NobodyAgesInAnOutage() {
    ready(0, "e1", "c1", "w1");
    reaped(1_000, "c1", "w1", Reaped.Reason.IDLE);
    Rules excused =
        rules(
            new Rules.Outage(at(-50), at(-10)),
            new Rules.Outage(at(100), at(500)),
            new Rules.Outage(at(600), at(900)));
    assertThat(audit(1_100).violations()).hasSize(1);
    assertThat(log.audit(excused, ms(1_100)).violations()).isEmpty();
  }

  /** A worker reaps nobody in this time, since the outage kept agents from reporting use. */
  @Test
  void i6TheLowWatermarkHoldsStillAfterAnOutage() {
    ready(0, "e1", "c1", "w1");
    TestLog.Entry end = reaped(LONGEST_IDLE + 40 + 30, "c1", "w1", Reaped.Reason.IDLE);
    Rules rules = rules(new Rules.Outage(at(200), at(240)));
    assertThat(log.audit(rules, ms(1_000)).violations()).isEmpty();
    log.entries.remove(end);
    reaped(LONGEST_IDLE + 40 + 30 + 0.1, "c1", "w1", Reaped.Reason.IDLE);
    assertThat(log.audit(rules, ms(1_000)).violations())
        .extracting(Violation::check)
        .containsExactly(Check.I6);
  }

  @Test
  void i6OutagesInQuickSuccessionAreNotCountedTwice() {
    ready(0, "e1", "c1", "w1");
    reaped(LONGEST_IDLE + 60 + 30 + 0.1, "c1", "w1", Reaped.Reason.IDLE);
    Rules rules = rules(new Rules.Outage(at(220), at(260)), new Rules.Outage(at(200), at(240)));
    assertThat(log.audit(rules, ms(1_000)).violations())
        .extracting(Violation::check)
        .containsExactly(Check.I6);
  }

  /** The log has no record of a process that used the processor. */
  @Test
  void i6ProcessesThatCountAsUseLeaveNoRecordUntilTheEnd() {
    Rules busy = rules(true);
    ready(0, "e1", "c1", "w1");
    assertThat(log.audit(busy, ms(5_000)).violations()).as("still there").isEmpty();
    activity(2_000, "a1");
    reaped(3_000, 3_000, "c1", "w1", Reaped.Reason.IDLE, 2_700.0);
    assertThat(log.audit(busy, ms(5_000)).violations()).as("used again").isEmpty();
    log.entries.removeLast();
    reaped(3_000, "c1", "w1", Reaped.Reason.DIED);
    assertThat(log.audit(busy, ms(5_000)).violations()).as("last use not told").isEmpty();
  }

  @Test
  void i6ProcessesThatCountAsUseAreReportedAtTheEnd() {
    ready(0, "e1", "c1", "w1");
    reaped(3_000, 3_000, "c1", "w1", Reaped.Reason.IDLE, 2_000.0);
    assertThat(log.audit(rules(true), ms(5_000)).violations())
        .extracting(Violation::check)
        .containsExactly(Check.I6);
  }

  private static Rules rules(Rules.Outage... outages) {
    return rules(false, outages);
  }

  private static Rules rules(boolean processesCountAsUse, Rules.Outage... outages) {
    Rules rules = Rules.DEFAULT;
    return new Rules(
        rules.ttl(),
        rules.interval(),
        rules.expiry(),
        rules.maxTimeout(),
        rules.grace(),
        rules.skew(),
        rules.window(),
        true,
        processesCountAsUse,
        List.of(outages));
  }
}
