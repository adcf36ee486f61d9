/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.result.Check;
import io.zcbot.sandbox.worker.audit.result.Violation;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** Edge cases of I4. */
class SessionEndRuleTest extends OneUsersLog {
  @Test
  void i4OpenSessionsAreNoViolationInThemselves() {
    ready(0, "e1", "c1", "w1");
    TestLog.Reported reported = audit(100);
    assertThat(reported.violations()).isEmpty();
    assertThat(reported.summary().sessions().open()).isOne();
    assertThat(reported.sessions().getFirst().end()).isNull();
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
        SampleEvents.reaped(
            other,
            at(t),
            new ContainerRef("n", UUID.randomUUID().toString(), "h", worker),
            Reaped.Reason.PURGED));
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
        SampleEvents.reaped(
            USER, at(-3000), new ContainerRef("n", "c1", "h", "w1"), Reaped.Reason.DIED));
    ready(0, "e1", "c1", "w1");
    TestLog.Reported reported = audit(100);
    // Announced reaped long before it was announced ready, by the clocks.
    assertThat(reported.violations()).extracting(Violation::check).containsExactly(Check.I4);
    assertThat(reported.summary().sessions().ended()).isOne();
  }

  @Test
  void whatNoReadyNamesIsShownWithoutAStart() {
    reaped(5, "c1", "w1", Reaped.Reason.PURGED);
    TestLog.Reported reported = audit(100);
    assertThat(reported.violations()).isEmpty();
    assertThat(reported.summary().sessions().reapsWithoutReady()).isOne();
    assertThat(reported.summary().sessions().reaps()).isEmpty();
    assertThat(reported.sessions())
        .hasSize(1)
        .allMatch(s -> s.start() == null && s.lasted() == null);
  }
}
