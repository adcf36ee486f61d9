/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.e2b;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.CurrentSandbox;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.UserId;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

/** Decisions about answers that come in an order which no test of a whole gateway can choose. */
class SandboxesTest {
  private static final Instant NOW = Instant.parse("2026-01-31T12:00:00Z");
  private static final UserId USER = UserId.parse("3f0c1c5e-7f0a-4c3c-9d5b-0d6f8c0f4a11");
  private static final Map<String, String> LABELS = Map.of("gateway.tenant", "one");

  private static Ready ready(
      Ready.Outcome outcome, Instant at, Map<String, String> labels, @Nullable Instant endsAt) {
    return new Ready(
        "r" + at,
        USER,
        "e",
        at,
        new ContainerRef("name", "id", "host", "worker"),
        outcome,
        new Ready.Environment("engine", "image", "default", "/w", null),
        1,
        labels,
        endsAt);
  }

  private static Ready moved(Instant at, Instant endsAt) {
    return ready(Ready.Outcome.REUSED, at, LABELS, endsAt);
  }

  @Test
  void anEntryHasAnAnswerThatItIsOfOrLaterThan() {
    Ready mine = moved(NOW, NOW.plusSeconds(60));
    Instant later = NOW.plusMillis(1);
    CurrentSandbox before = CurrentSandbox.of(moved(NOW.minusSeconds(1), NOW.plusSeconds(30)));
    assertThat(Sandboxes.has(before, mine)).isFalse();
    assertThat(Sandboxes.has(CurrentSandbox.of(mine), mine)).isTrue();
    assertThat(Sandboxes.has(CurrentSandbox.of(moved(later, NOW.plusSeconds(90))), mine)).isTrue();
    assertThat(Sandboxes.has(CurrentSandbox.of(moved(later, NOW.plusSeconds(10))), mine))
        .as("an earlier end")
        .isTrue();
  }

  @Test
  void anEntryHasAnAnswerThatChangedNothing() {
    CurrentSandbox entry = CurrentSandbox.of(moved(NOW.minusSeconds(1), NOW.plusSeconds(60)));
    assertThat(Sandboxes.has(entry, moved(NOW, NOW.plusSeconds(60)))).isTrue();
  }

  @Test
  void aUsersOwnEntryDoesNotKeepItsNextSandboxFromBeingMade() {
    UserId another = UserId.parse("3f0c1c5e-7f0a-4c3c-9d5b-0d6f8c0f4a12");
    UserId third = UserId.parse("3f0c1c5e-7f0a-4c3c-9d5b-0d6f8c0f4a13");
    assertThat(Sandboxes.others(USER, List.of(USER), Map.of(), "one")).isZero();
    assertThat(Sandboxes.others(USER, List.of(USER, another), Map.of(another, "one"), "one"))
        .isEqualTo(1);
    assertThat(Sandboxes.others(USER, List.of(another), Map.of(USER, "one", third, "one"), "one"))
        .isEqualTo(2);
    assertThat(Sandboxes.others(USER, List.of(), Map.of(another, "two"), "one")).isZero();
  }

  @Test
  void onlyASandboxThatNobodyKnowsIsEndedAgain() {
    assertThat(Sandboxes.isUnknown(ready(Ready.Outcome.CREATED, NOW, Map.of(), NOW))).isTrue();
    assertThat(Sandboxes.isUnknown(ready(Ready.Outcome.CLAIMED, NOW, Map.of(), NOW))).isTrue();
    assertThat(Sandboxes.isUnknown(ready(Ready.Outcome.REUSED, NOW, LABELS, NOW))).isFalse();
    assertThat(Sandboxes.isUnknown(ready(Ready.Outcome.RECREATED, NOW, LABELS, NOW))).isFalse();
  }
}
