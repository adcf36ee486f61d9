package io.zcbot.sandbox.worker.hosts;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventIds;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.UUID;
import org.junit.jupiter.api.Test;

/** A judge who sees nothing proves nothing. */
class JudgeTest {
  private static final UserId ANNA = new UserId(new UUID(1, 1));
  private static final Instant START = Instant.parse("2026-11-24T12:00:00Z");

  @Test
  void aWholeLifeIsInOrder() {
    Judge judge =
        judge(ensure("e", 0), ready("e", 1), activity(5), reaped(14, Reaped.Reason.IDLE, null));
    assertThat(judge.violations).isEmpty();
    assertThat(judge.unanswered).isEmpty();
    assertThat(judge.running()).isEmpty();
  }

  @Test
  void anUnansweredEnsureIsNamed() {
    assertThat(judge(ensure("e", 0), ensure("f", 0), ready("e", 1)).unanswered)
        .containsOnlyKeys("f");
  }

  @Test
  void whatWasNotReapedRuns() {
    assertThat(judge(ensure("e", 0), ready("e", 1)).running()).containsOnlyKeys("container");
  }

  @Test
  void reapedTwiceUnderOneIdIsARepetitionUnderTwoAViolation() {
    Judge same =
        judge(
            ready("e", 1),
            reaped(2, Reaped.Reason.MOVED, null),
            reaped(3, Reaped.Reason.LOST, null));
    assertThat(same.violations).isEmpty();
    assertThat(same.repeatedReaps).isEqualTo(1);
    Judge other =
        judge(
            ready("e", 1),
            reaped(2, Reaped.Reason.MOVED, null),
            reaped(3, Reaped.Reason.LOST, "another id"));
    assertThat(other.violations).singleElement().asString().startsWith("I4");
  }

  @Test
  void readyAfterReapedIsAViolation() {
    assertThat(judge(reaped(1, Reaped.Reason.MOVED, null), ready("e", 2)).violations)
        .singleElement()
        .asString()
        .startsWith("I3");
  }

  @Test
  void reapedAsIdleThoughUsedIsAViolation() {
    assertThat(judge(ready("e", 1), activity(10), reaped(14, Reaped.Reason.IDLE, null)).violations)
        .singleElement()
        .asString()
        .startsWith("I5");
    assertThat(judge(ready("e", 10), reaped(14, Reaped.Reason.IDLE, null)).violations)
        .singleElement()
        .asString()
        .startsWith("I5");
    // Used while it was being killed: too late.
    assertThat(judge(ready("e", 1), activity(13), reaped(14, Reaped.Reason.IDLE, null)).violations)
        .isEmpty();
  }

  private static Judge judge(SandboxEvent... events) {
    return new Judge(
        Arrays.stream(events)
            .map(event -> new History.Said(event.topic(), "somewhere", event.at(), event))
            .toList(),
        Duration.ofSeconds(8),
        Duration.ofSeconds(3));
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
    return new Ready(
        EventIds.ready(ensureId),
        ANNA,
        ensureId,
        at(second),
        "zcbot-sandbox-" + ANNA,
        "container",
        "host",
        "engine",
        "worker",
        Ready.Outcome.CREATED,
        "image",
        "default",
        "/workspace",
        1);
  }

  private static Reaped reaped(int second, Reaped.Reason reason, String id) {
    return new Reaped(
        id == null ? EventIds.reaped("container") : id,
        ANNA,
        at(second),
        "zcbot-sandbox-" + ANNA,
        "container",
        "host",
        "worker",
        reason,
        null,
        null,
        null);
  }
}
