/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.audit.result.Check;
import org.junit.jupiter.api.Test;

/** Edge cases of I1. */
class OverlapRuleTest extends OneUsersLog {
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
    TestLog.Reported reported = audit(210);
    assertThat(reported.violations()).isEmpty();
    assertThat(reported.summary().records().repeated()).containsEntry(Topic.REAPED, 1L);
    assertThat(reported.summary().sessions().reaps()).containsOnlyKeys(Reaped.Reason.LOST);
  }
}
