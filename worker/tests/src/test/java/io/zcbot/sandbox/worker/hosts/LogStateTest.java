/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.hosts;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import java.time.Instant;
import java.util.Arrays;
import java.util.UUID;
import org.junit.jupiter.api.Test;

class LogStateTest {
  private static final UserId ANNA = new UserId(new UUID(1, 1));
  private static final Instant START = Instant.parse("2026-11-24T12:00:00Z");

  @Test
  void aWholeLifeIsInOrder() {
    LogState log = log(ensure("e", 0), ready("e", 1), activity(5), reaped(14, Reaped.Reason.IDLE));
    assertThat(log.unanswered).isEmpty();
    assertThat(log.running()).isEmpty();
  }

  @Test
  void anUnansweredEnsureIsNamed() {
    assertThat(log(ensure("e", 0), ensure("f", 0), ready("e", 1)).unanswered).containsOnlyKeys("f");
  }

  @Test
  void whatWasNotReapedRuns() {
    assertThat(log(ensure("e", 0), ready("e", 1)).running()).containsOnlyKeys("container");
  }

  @Test
  void reapedTwiceIsCountedOnce() {
    LogState same =
        log(ready("e", 1), reaped(2, Reaped.Reason.MOVED), reaped(3, Reaped.Reason.LOST));
    assertThat(same.repeatedReaps).isEqualTo(1);
  }

  private static LogState log(SandboxEvent... events) {
    return new LogState(
        Arrays.stream(events)
            .map(event -> new History.Said(event.topic(), "somewhere", event.at(), event))
            .toList());
  }

  private static Instant at(int second) {
    return START.plusSeconds(second);
  }

  private static Ensure ensure(String id, int second) {
    return new Ensure(id, ANNA, at(second), null, null);
  }

  private static Activity activity(int second) {
    return new Activity("a" + second, ANNA, at(second), null);
  }

  private static Ready ready(String ensureId, int second) {
    return SampleEvents.ready(
        ANNA,
        ensureId,
        at(second),
        SampleEvents.container(ANNA, "container"),
        Ready.Outcome.CREATED,
        1);
  }

  private static Reaped reaped(int second, Reaped.Reason reason) {
    return SampleEvents.reaped(ANNA, at(second), SampleEvents.container(ANNA, "container"), reason);
  }
}
