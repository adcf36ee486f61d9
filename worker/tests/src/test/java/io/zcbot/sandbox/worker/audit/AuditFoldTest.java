/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.Ensure;
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
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** What the audit derives from a log, apart from the rules. */
class AuditFoldTest extends OneUsersLog {
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

    TestLog.Reported reported = audit(400);
    assertThat(reported.violations()).isEmpty();
    assertThat(reported.sessions())
        .containsExactly(
            new Session(
                USER,
                "c1",
                "host-w1",
                "w1",
                new Session.Start(at(0.8), Ready.Outcome.CREATED, "default", first.position),
                new Session.End(at(311), Reaped.Reason.IDLE, last.position),
                2,
                2));
    assertThat(reported.sessions().getFirst().lasted()).isEqualTo(Duration.ofMillis(310_200));
    assertThat(reported.ensures())
        .extracting(AuditedEnsure::eventId, e -> e.answer().outcome(), e -> e.answer().latencyMs())
        .containsExactly(
            org.assertj.core.groups.Tuple.tuple("e1", "created", 800L),
            org.assertj.core.groups.Tuple.tuple("e2", "created", 20L),
            org.assertj.core.groups.Tuple.tuple("e3", "capacity", 1000L));
    Summary summary = reported.summary();
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
    TestLog.Reported reported = audit(100);
    assertThat(reported.violations()).isEmpty();
    assertThat(reported.summary().records().unreadable()).isOne();
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

    assertThat(checksSince(Topic.FAILED, 50, 900)).containsExactly(Check.I4, Check.I6);
    assertThat(checksSince(Topic.FAILED, -5, 900)).containsExactly(Check.I2, Check.I4, Check.I6);
    assertThat(checksSince(Topic.REAPED, 150, 900)).containsExactly(Check.I2, Check.I6);
    assertThat(checksSince(Topic.REAPED, 250, 900)).containsExactly(Check.I2);
    double late = 900 - LONGEST_IDLE - 2;
    assertThat(checksSince(Topic.ACTIVITY, late, 900)).containsExactly(Check.I2, Check.I4);
    assertThat(checksSince(Topic.EXITED, late, 900)).containsExactly(Check.I2, Check.I4);
    assertThat(checksSince(Topic.EXITED, late - 1, 900))
        .containsExactly(Check.I2, Check.I4, Check.I6);
    assertThat(checksSince(Topic.READY, late, 900)).containsExactly(Check.I4);
    double first = 200 - Rules.DEFAULT.longestWait() / 1000.0;
    assertThat(checksSince(Topic.EXEC, first, 900)).containsExactly(Check.I2, Check.I4);
    assertThat(checksSince(Topic.EXEC, first - 3, 900))
        .containsExactly(Check.I2, Check.I4, Check.I6);
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

  private static Ensure asking(double t, String id, @Nullable String profile) {
    return new Ensure(id, USER, at(t), null, null, null, null, null, profile, false);
  }

  /** The sandbox that {@link OneUsersLog#ready} announces is of the default profile. */
  @Test
  void anEnsureThatNamesAProfileIsAnsweredWithASandboxOfIt() {
    log.add(0, ms(0), asking(0, "e1", "default"));
    ready(0.8, "e1", "c1", "w1");
    log.add(0, ms(1), asking(1, "e2", null));
    ready(1.1, "e2", "c1", "w1");
    log.add(0, ms(2), asking(2, "e3", "analysis"));
    failed(2.1, "e3");
    assertThat(checks(10)).isEmpty();

    TestLog.Entry asked = log.add(0, ms(3), asking(3, "e4", "analysis"));
    TestLog.Entry answered = ready(3.1, "e4", "c1", "w1");
    assertThat(audit(10).violations())
        .singleElement()
        .satisfies(
            violation -> {
              assertThat(violation.check()).isEqualTo(Check.I2);
              assertThat(violation.evidence()).containsExactly(asked.position, answered.position);
              assertThat(violation.text())
                  .isEqualTo(
                      "ensure e4 asks for the profile analysis, and was answered with a sandbox of"
                          + " another one, default");
            });
  }
}
