/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.log.Coverage;
import io.zcbot.sandbox.worker.audit.result.AuditedEnsure;
import io.zcbot.sandbox.worker.audit.result.Check;
import io.zcbot.sandbox.worker.audit.result.Session;
import io.zcbot.sandbox.worker.audit.result.Summary;
import io.zcbot.sandbox.worker.audit.result.Violation;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** What each rule says at its edges. Times are seconds from the start of the log. */
class AuditFoldTest {
  private static final UserId USER = UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  private static final long T0 = Histories.START;
  private static final int TTL = 300;

  /** TTL, two intervals, grace, skew. */
  private static final int LONGEST_IDLE = TTL + 20 + 10 + 2;

  private static final Rules ADOPTING =
      new Rules(
          Rules.DEFAULT.ttl(),
          Rules.DEFAULT.interval(),
          Rules.DEFAULT.expiry(),
          Rules.DEFAULT.grace(),
          Rules.DEFAULT.skew(),
          Rules.DEFAULT.window(),
          false,
          List.of());

  private final TestLog log = new TestLog();

  private static Instant at(double seconds) {
    return Instant.ofEpochMilli(ms(seconds));
  }

  private static long ms(double seconds) {
    return T0 + Math.round(seconds * 1000);
  }

  private TestLog.Entry ensure(double t, String id) {
    return log.add(0, ms(t), new Ensure(id, USER, at(t), null, null));
  }

  private TestLog.Entry ready(double t, String ensureId, String container, String worker) {
    return ready(t, EventIds.ready(ensureId, container), ensureId, container, worker);
  }

  private TestLog.Entry ready(
      double t, String id, String ensureId, String container, String worker) {
    return log.add(
        0,
        ms(t),
        new Ready(
            id,
            USER,
            ensureId,
            at(t),
            new ContainerRef("zcbot-sandbox-" + USER, container, "host-" + worker, worker),
            Ready.Outcome.CREATED,
            new Ready.Environment("unix:///x", "image", "default", "/w", null),
            7));
  }

  private TestLog.Entry failed(double t, String ensureId) {
    return log.add(
        0,
        ms(t),
        new Failed(
            EventIds.failed(ensureId), USER, ensureId, at(t), Failed.Reason.CAPACITY, "no", true));
  }

  private TestLog.Entry activity(double t, String id) {
    return log.add(0, ms(t), new Activity(id, USER, at(t), null));
  }

  private TestLog.Entry reaped(double t, String container, String worker, Reaped.Reason reason) {
    return reaped(t, t, container, worker, reason, null);
  }

  private TestLog.Entry reaped(
      double recorded,
      double said,
      String container,
      String worker,
      Reaped.Reason reason,
      Double lastActive) {
    return log.add(
        0,
        ms(recorded),
        new Reaped(
            EventIds.reaped(container),
            USER,
            at(said),
            new ContainerRef("zcbot-sandbox-" + USER, container, "host-" + worker, worker),
            reason,
            lastActive == null ? null : at(lastActive),
            null,
            null));
  }

  private TestLog.Told audit(double end) {
    return log.audit(Rules.DEFAULT, ms(end));
  }

  private List<Check> checks(double end) {
    return audit(end).violations().stream().map(Violation::check).toList();
  }

  @Test
  void aSessionAndItsEnsures() {
    ensure(0, "e1");
    TestLog.Entry first = ready(0.8, "e1", "c1", "w1");
    activity(5, "a1");
    activity(6, "a2");
    activity(6.1, "a2");
    ensure(10, "e2");
    ready(10.02, "e2", "c1", "w1");
    TestLog.Entry last = reaped(311, "c1", "w1", Reaped.Reason.IDLE);
    ensure(320, "e3");
    failed(321, "e3");

    TestLog.Told told = audit(400);
    assertThat(told.violations()).isEmpty();
    assertThat(told.sessions())
        .containsExactly(
            new Session(
                USER,
                "c1",
                "host-w1",
                "w1",
                new Session.Start(at(0.8), first.position),
                new Session.End(at(311), Reaped.Reason.IDLE, last.position),
                2,
                2));
    assertThat(told.sessions().getFirst().lasted()).isEqualTo(Duration.ofMillis(310_200));
    assertThat(told.ensures())
        .extracting(AuditedEnsure::eventId, e -> e.answer().outcome(), e -> e.answer().latencyMs())
        .containsExactly(
            org.assertj.core.groups.Tuple.tuple("e1", "created", 800L),
            org.assertj.core.groups.Tuple.tuple("e2", "created", 20L),
            org.assertj.core.groups.Tuple.tuple("e3", "capacity", 1000L));
    Summary summary = told.summary();
    assertThat(summary.ensures().latencies().get("created").max()).isEqualTo(800);
    assertThat(summary.ensures().tooks().get("created").p50()).isEqualTo(7);
    assertThat(summary.ensures().answers())
        .containsEntry("created", 2L)
        .containsEntry("capacity", 1L);
    assertThat(summary.records().repeated()).containsOnlyKeys(Topic.ACTIVITY);
    assertThat(summary.recordCount()).isEqualTo(10);
    assertThat(summary.records().first()).isEqualTo(at(0));
    assertThat(summary.records().last()).isEqualTo(at(321));
  }

  @Test
  void i1OneWorkerHasTheSkewTwoHaveTheGraceAsWell() {
    ready(0, "e1", "c1", "w1");
    ready(10, "e2", "c2", "w1");
    reaped(12, "c1", "w1", Reaped.Reason.REPLACED);
    assertThat(checks(20)).isEmpty();
    log.entries.removeLast();
    reaped(12.001, "c1", "w1", Reaped.Reason.REPLACED);
    assertThat(checks(20)).containsExactly(Check.I1);

    log.entries.clear();
    ready(0, "e1", "c1", "w1");
    ready(10, "e2", "c2", "w2");
    reaped(22, "c1", "w1", Reaped.Reason.MOVED);
    assertThat(checks(30)).isEmpty();
    log.entries.removeLast();
    reaped(22.001, "c1", "w1", Reaped.Reason.MOVED);
    assertThat(checks(30)).containsExactly(Check.I1);
  }

  @Test
  void i1AnOverlapEndsWithWhicheverEndsFirst() {
    ready(0, "e1", "c1", "w1");
    ready(10, "e2", "c2", "w1");
    reaped(11, "c2", "w1", Reaped.Reason.DIED);
    reaped(50, "c1", "w1", Reaped.Reason.DIED);
    assertThat(checks(60)).isEmpty();
  }

  @Test
  void i1TheOlderOneShowsLifeAgain() {
    TestLog.Entry older = ready(0, "e1", "c1", "w1");
    TestLog.Entry younger = ready(10, "e2", "c2", "w2");
    TestLog.Entry again = ready(40, "e3", "c1", "w1");
    assertThat(audit(60).violations())
        .singleElement()
        .satisfies(
            v -> {
              assertThat(v.check()).isEqualTo(Check.I1);
              assertThat(v.evidence())
                  .containsExactly(older.position, younger.position, again.position);
              assertThat(v.user()).isEqualTo(USER);
              assertThat(v.text()).contains("c1", "c2", "30 s");
            });
  }

  @Test
  void i1ALateAnnouncementOfAnEarlyEndIsNoOverlap() {
    ready(0, "e1", "c1", "w1");
    ready(10, "e2", "c2", "w2");
    reaped(100, 9, "c1", "w1", Reaped.Reason.MOVED, null);
    assertThat(checks(110)).isEmpty();
  }

  @Test
  void i1AHostAnnouncedLostIsOver() {
    ready(0, "e1", "c1", "w1");
    reaped(30, "c1", "w2", Reaped.Reason.LOST);
    ready(31, "e2", "c2", "w2");
    // The host is back: the same event once more.
    reaped(200, "c1", "w1", Reaped.Reason.PURGED);
    TestLog.Told told = audit(210);
    assertThat(told.violations()).isEmpty();
    assertThat(told.summary().records().repeated()).containsEntry(Topic.REAPED, 1L);
    assertThat(told.summary().sessions().reaps()).containsOnlyKeys(Reaped.Reason.LOST);
  }

  @Test
  void i2OpenUntilExpiryAndGraceAreOver() {
    ensure(0, "e1");
    assertThat(checks(72)).isEmpty();
    assertThat(audit(72).summary().ensures().open()).isOne();
    assertThat(checks(72.001)).containsExactly(Check.I2);
  }

  @Test
  void i2GoesByWhatTheEnsureSaysButNotForEver() {
    log.add(0, ms(0), new Ensure("soon", USER, at(0), null, at(5)));
    assertThat(checks(17)).isEmpty();
    assertThat(checks(17.001)).containsExactly(Check.I2);

    log.entries.clear();
    log.add(0, ms(0), new Ensure("late", USER, at(0), null, at(1_000_000)));
    assertThat(checks(612)).isEmpty();
    assertThat(checks(612.001)).containsExactly(Check.I2);

    log.entries.clear();
    log.add(0, ms(0), new Ensure("stale", USER, at(0), null, at(-1_000)));
    assertThat(checks(12)).isEmpty();
    assertThat(checks(12.001)).containsExactly(Check.I2);
  }

  @Test
  void anAnswerMayBeDatedBeforeItsEnsure() {
    ensure(10, "e1");
    ready(9, "e1", "c1", "w1");
    TestLog.Told told = audit(100);
    assertThat(told.violations()).isEmpty();
    assertThat(told.summary().ensures().answersBeforeEnsure()).isOne();
    assertThat(told.ensures().getFirst().answer().latencyMs()).isZero();
  }

  @Test
  void aMisplacedEnsureIsOneWithItsForwardedCopy() {
    log.add(1, ms(0), new Ensure("e1", USER, at(0), null, null));
    log.add(0, ms(0.5), new Ensure("e1", USER, at(0), null, at(60)));
    ready(1, "e1", "c1", "w1");
    TestLog.Told told = audit(100);
    assertThat(told.violations()).isEmpty();
    assertThat(told.summary().ensures().count()).isOne();
    assertThat(told.summary().records().repeated()).containsEntry(Topic.ENSURE, 1L);
    assertThat(told.ensures().getFirst().answer().latencyMs()).isEqualTo(1000);
  }

  @Test
  void i4OpenSessionsAreNoViolationInThemselves() {
    ready(0, "e1", "c1", "w1");
    TestLog.Told told = audit(100);
    assertThat(told.violations()).isEmpty();
    assertThat(told.summary().sessions().open()).isOne();
    assertThat(told.sessions().getFirst().end()).isNull();
  }

  @Test
  void i4TheReapedMayStillComeWithinTheGrace() {
    ready(0, "e1", "c1", "w1");
    ready(10, "e2", "c2", "w1");
    assertThat(checks(20)).isEmpty();
    assertThat(checks(20.001)).containsExactly(Check.I4);
  }

  @Test
  void i4APurgeTakesAllThatWasBeforeIt() {
    ready(0, "e1", "c1", "w1");
    purged(1.9, "w1");
    assertThat(checks(100)).isEmpty();
    purged(3, "w2");
    assertThat(checks(100)).isEmpty();
    purged(3, "w1");
    assertThat(checks(13)).isEmpty();
    assertThat(checks(13.001)).containsExactly(Check.I4);
    assertThat(log.audit(ADOPTING, ms(100)).violations()).isEmpty();
    // Named once more after it: it must have survived somehow, adopted for instance.
    ready(5, "e2", "c1", "w1");
    assertThat(checks(100)).isEmpty();
  }

  private void purged(double t, String worker) {
    UserId other = new UserId(UUID.randomUUID());
    log.add(
        0,
        ms(t),
        new Reaped(
            UUID.randomUUID().toString(),
            other,
            at(t),
            new ContainerRef("n", UUID.randomUUID().toString(), "h", worker),
            Reaped.Reason.PURGED,
            null,
            null,
            null));
  }

  @Test
  void i4ReadyAfterReapedHasTheToleranceOfClocks() {
    ready(0, "e1", "c1", "w1");
    reaped(10, "c1", "w1", Reaped.Reason.DIED);
    ready(12, "e2", "c1", "w1");
    assertThat(checks(30)).isEmpty();
    log.entries.removeLast();
    ready(12.001, "e2", "c1", "w1");
    assertThat(checks(30)).containsExactly(Check.I4);
  }

  @Test
  void aReapedMayComeFirst() {
    // The reaper's clock is behind.
    log.add(
        0,
        ms(10),
        ms(-3000),
        new Reaped(
            EventIds.reaped("c1"),
            USER,
            at(-3000),
            new ContainerRef("n", "c1", "h", "w1"),
            Reaped.Reason.DIED,
            null,
            null,
            null));
    ready(0, "e1", "c1", "w1");
    TestLog.Told told = audit(100);
    // Announced reaped long before it was announced ready, by the clocks.
    assertThat(told.violations()).extracting(Violation::check).containsExactly(Check.I4);
    assertThat(told.summary().sessions().ended()).isOne();
  }

  @Test
  void whatNoReadyNamesIsShownWithoutAStart() {
    reaped(5, "c1", "w1", Reaped.Reason.PURGED);
    TestLog.Told told = audit(100);
    assertThat(told.violations()).isEmpty();
    assertThat(told.summary().sessions().reapsWithoutReady()).isOne();
    assertThat(told.summary().sessions().reaps()).isEmpty();
    assertThat(told.sessions()).hasSize(1).allMatch(s -> s.start() == null && s.lasted() == null);
  }

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

  private static Rules rules(Rules.Outage... outages) {
    Rules rules = Rules.DEFAULT;
    return new Rules(
        rules.ttl(),
        rules.interval(),
        rules.expiry(),
        rules.grace(),
        rules.skew(),
        rules.window(),
        true,
        List.of(outages));
  }

  @Test
  void idsOneForTwoContainers() {
    ensure(0, "e1");
    TestLog.Entry one = ready(1, "r1", "e1", "c1", "w1");
    reaped(10, "c1", "w1", Reaped.Reason.PURGED);
    TestLog.Entry other = ready(11, "r1", "e1", "c2", "w1");
    ready(12, "r1", "e1", "c2", "w1");
    TestLog.Told told = audit(30);
    assertThat(told.violations())
        .singleElement()
        .satisfies(
            v -> {
              assertThat(v.check()).isEqualTo(Check.IDS);
              assertThat(v.evidence()).containsExactly(one.position, other.position);
            });
    assertThat(told.summary().ensures().answeredAgain()).isOne();
    assertThat(told.summary().records().repeated()).containsEntry(Topic.READY, 1L);
  }

  @Test
  void idsARedeliveredEnsureThatAnotherContainerAnswers() {
    ensure(0, "e1");
    ready(1, "e1", "c1", "w1");
    reaped(10, "c1", "w1", Reaped.Reason.PURGED);
    ready(11, "e1", "c2", "w1");
    TestLog.Told told = audit(30);
    assertThat(told.violations()).isEmpty();
    assertThat(told.summary().ensures().answeredAgain()).isOne();
  }

  @Test
  void anotherIdForAnotherAnswerIsOnlyCounted() {
    ensure(0, "e1");
    failed(1, "e1");
    ready(2, "e1", "c1", "w1");
    TestLog.Told told = audit(30);
    assertThat(told.violations()).isEmpty();
    assertThat(told.summary().ensures().answeredAgain()).isOne();
    assertThat(told.summary().ensures().answers()).containsOnlyKeys("capacity");
  }

  @Test
  void idsOneForTwoKindsOfEvents() {
    ensure(0, "same");
    ready(1, "same", "same", "c1", "w1");
    assertThat(checks(30)).containsExactly(Check.IDS);
  }

  @Test
  void unreadableRecordsNeedADeadLetter() {
    byte[] key = "k".getBytes(StandardCharsets.UTF_8);
    TestLog.Entry bad = log.raw(Topic.ACTIVITY, 0, ms(0), key, key);
    assertThat(checks(72)).isEmpty();
    assertThat(audit(72.001).violations())
        .singleElement()
        .satisfies(
            v -> {
              assertThat(v.check()).isEqualTo(Check.UNREADABLE);
              assertThat(v.evidence()).containsExactly(bad.position);
              assertThat(v.user()).isNull();
              assertThat(v.text())
                  .contains("is not JSON", "the dead-letter topic has no record of it");
            });
    log.raw(Topic.DEAD_LETTER, 2, ms(1), key, key)
        .header("zcbot_topic", "sandbox.activity")
        .header("zcbot_partition", 0)
        .header("zcbot_offset", 0);
    TestLog.Told told = audit(100);
    assertThat(told.violations()).isEmpty();
    assertThat(told.summary().records().unreadable()).isOne();
  }

  @Test
  void deadLettersOfAnyShapeAreTaken() {
    byte[] key = "k".getBytes(StandardCharsets.UTF_8);
    log.raw(Topic.DEAD_LETTER, 0, ms(1), null, null);
    log.raw(Topic.DEAD_LETTER, 0, ms(1), key, key)
        .header("zcbot_topic", "elsewhere")
        .header("zcbot_partition", 0)
        .header("zcbot_offset", 0);
    log.raw(Topic.DEAD_LETTER, 0, ms(1), key, key)
        .header("zcbot_topic", "sandbox.ensure")
        .header("zcbot_partition", "x")
        .header("zcbot_offset", 0);
    assertThat(checks(100)).isEmpty();
  }

  @Test
  void whatRetentionMayHaveCutProvesNothing() {
    ensure(0, "e1");
    ready(100, "e2", "c1", "w1");
    ready(200, "e3", "c2", "w1");
    assertThat(checks(900)).containsExactly(Check.I2, Check.I4, Check.I6);

    assertThat(violations(900, Topic.FAILED, 50)).containsExactly(Check.I4, Check.I6);
    assertThat(violations(900, Topic.FAILED, -5)).containsExactly(Check.I2, Check.I4, Check.I6);
    assertThat(violations(900, Topic.REAPED, 150)).containsExactly(Check.I2, Check.I6);
    assertThat(violations(900, Topic.REAPED, 250)).containsExactly(Check.I2);
    assertThat(violations(900, Topic.ACTIVITY, 250)).containsExactly(Check.I2, Check.I4);
  }

  private List<Check> violations(double end, Topic cut, double since) {
    Coverage known = Coverage.ever();
    known.cut(cut, 0, ms(since));
    return TestLog.audit(Rules.DEFAULT, known, log.records(), ms(end)).violations().stream()
        .map(Violation::check)
        .toList();
  }

  @Test
  void usersAreForgottenWhenNothingIsOpenAnyMore() {
    Fold fold = new Fold(Rules.DEFAULT, Coverage.ever(), _ -> {});
    Rules rules = Rules.DEFAULT;
    for (int i = 0; i < 5_000; i++) {
      TestLog one = new TestLog();
      UserId user = new UserId(new UUID(1, i));
      double t = i * 10;
      one.add(0, ms(t), new Ensure("e" + i, user, at(t), null, null));
      one.add(
          0,
          ms(t + 1),
          new Failed("f" + i, user, "e" + i, at(t + 1), Failed.Reason.CAPACITY, "no", true));
      one.records().forEach(fold::accept);
      fold.forgetBefore(ms(t) - rules.window().toMillis());
      assertThat(fold.remembered()).isLessThanOrEqualTo(3_600 / 10 + 2);
    }
  }

  @Test
  void openSessionsAreNeverForgotten() {
    Fold fold = new Fold(Rules.DEFAULT, Coverage.ever(), _ -> {});
    ready(0, "e1", "c1", "w1");
    log.records().forEach(fold::accept);
    fold.forgetBefore(ms(100_000));
    assertThat(fold.remembered()).isOne();
    TestLog later = new TestLog();
    later.add(0, ms(100_001), new Activity("a", USER, at(100_001), null));
    later.records().forEach(fold::accept);
    assertThat(fold.remembered()).isOne();
    Summary summary = fold.finish(ms(100_002), fold.purges()).summary(at(100_002));
    assertThat(summary.sessions().activitiesOutside()).isZero();
    assertThat(summary.violations()).containsOnlyKeys(Check.I6);
  }
}
