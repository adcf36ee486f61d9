/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.audit.result.Check;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** Edge cases of I2 and of the rule about ids. */
class AnswerRuleTest extends OneUsersLog {
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
    TestLog.Reported reported = audit(100);
    assertThat(reported.violations()).isEmpty();
    assertThat(reported.summary().ensures().answersBeforeEnsure()).isOne();
    assertThat(reported.ensures().getFirst().answer().latencyMs()).isZero();
  }

  @Test
  void aMisplacedEnsureIsOneWithItsForwardedCopy() {
    log.add(1, ms(0), new Ensure("e1", USER, at(0), null, null));
    log.add(0, ms(0.5), new Ensure("e1", USER, at(0), null, at(60)));
    ready(1, "e1", "c1", "w1");
    TestLog.Reported reported = audit(100);
    assertThat(reported.violations()).isEmpty();
    assertThat(reported.summary().ensures().count()).isOne();
    assertThat(reported.summary().records().repeated()).containsEntry(Topic.ENSURE, 1L);
    assertThat(reported.ensures().getFirst().answer().latencyMs()).isEqualTo(1000);
  }

  /** Its id is its first position, which the header of the copy names. */
  @Test
  void aMisplacedEnsureWithoutAnIdIsOneWithItsForwardedCopy() {
    byte[] ensure = bytes("{\"user_id\":\"" + USER + "\"}");
    log.raw(Topic.ENSURE, 1, ms(0), bytes(USER.toString()), ensure);
    log.raw(Topic.ENSURE, 0, ms(0), bytes(USER.toString()), ensure)
        .header("zcbot_forwarded", "1-0@" + ms(0));
    ready(1, "sandbox.ensure-1-0", "c1", "w1");
    TestLog.Reported reported = audit(100);
    assertThat(reported.violations()).isEmpty();
    assertThat(reported.summary().ensures().count()).isOne();
    assertThat(reported.ensures())
        .singleElement()
        .satisfies(each -> assertThat(each.answer()).isNotNull());
  }

  /** Answers are in the partition of the user's key, which loses records at other times. */
  @Test
  void i2IsNotJudgedWhereTheAnswerToAMisplacedEnsureIsNotKnown() {
    ensure(0, "e1");
    assertThat(checks(auditSince(Topic.READY, 1, 50, 100))).as("any partition").isEmpty();
    TestLog.Entry copy = ensure(0, "e1").header("zcbot_forwarded", "0-0@" + ms(0));
    copy.partition = 1;
    assertThat(checks(auditSince(Topic.READY, 1, 50, 100))).as("where it was forwarded").isEmpty();
    assertThat(checks(auditSince(Topic.READY, 2, 50, 100))).containsExactly(Check.I2);
    log.entries.remove(copy);
    failed(80, "e0").partition = 1;
    assertThat(checks(auditSince(Topic.READY, 1, 50, 100))).as("where others are").isEmpty();
    assertThat(checks(auditSince(Topic.READY, 2, 50, 100))).containsExactly(Check.I2);
  }

  @Test
  void i2AnEnsureThatIsADeadLetterHasNoAnswer() {
    ensure(0, "e1").header("zcbot_forwarded", "2-7@" + ms(0)).partition = 1;
    assertThat(checks(1_000)).containsExactly(Check.I2);
    log.raw(Topic.DEAD_LETTER, 0, ms(1), bytes(USER.toString()), bytes("{}"))
        .header("zcbot_topic", "sandbox.ensure")
        .header("zcbot_partition", 1)
        .header("zcbot_offset", 0);
    assertThat(checks(1_000)).isEmpty();
  }

  /** Anybody may write its header, with another user's key and to any partition. */
  @Test
  void aForgedForwardedRecordDoesNotKeepI2FromBeingJudged() {
    failed(0, "e0");
    ensure(1, "e1");
    activity(2, "a1").header("zcbot_forwarded", "0-0@" + ms(2)).partition = 1;
    assertThat(checks(auditSince(Topic.READY, 1, 50, 100))).containsExactly(Check.I2);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void idsOneForTwoContainers() {
    ensure(0, "e1");
    TestLog.Entry one = ready(1, "r1", "e1", "c1", "w1");
    reaped(10, "c1", "w1", Reaped.Reason.PURGED);
    TestLog.Entry other = ready(11, "r1", "e1", "c2", "w1");
    ready(12, "r1", "e1", "c2", "w1");
    TestLog.Reported reported = audit(30);
    assertThat(reported.violations())
        .singleElement()
        .satisfies(
            v -> {
              assertThat(v.check()).isEqualTo(Check.IDS);
              assertThat(v.evidence()).containsExactly(one.position, other.position);
            });
    assertThat(reported.summary().ensures().answeredAgain()).isOne();
    assertThat(reported.summary().records().repeated()).containsEntry(Topic.READY, 1L);
  }

  @Test
  void idsARedeliveredEnsureThatAnotherContainerAnswers() {
    ensure(0, "e1");
    ready(1, "e1", "c1", "w1");
    reaped(10, "c1", "w1", Reaped.Reason.PURGED);
    ready(11, "e1", "c2", "w1");
    TestLog.Reported reported = audit(30);
    assertThat(reported.violations()).isEmpty();
    assertThat(reported.summary().ensures().answeredAgain()).isOne();
  }

  @Test
  void anotherIdForAnotherAnswerIsOnlyCounted() {
    ensure(0, "e1");
    failed(1, "e1");
    ready(2, "e1", "c1", "w1");
    TestLog.Reported reported = audit(30);
    assertThat(reported.violations()).isEmpty();
    assertThat(reported.summary().ensures().answeredAgain()).isOne();
    assertThat(reported.summary().ensures().answers()).containsOnlyKeys("capacity");
  }

  @Test
  void idsOneForTwoKindsOfEvents() {
    ensure(0, "same");
    ready(1, "same", "same", "c1", "w1");
    assertThat(checks(30)).containsExactly(Check.IDS);
  }
}
