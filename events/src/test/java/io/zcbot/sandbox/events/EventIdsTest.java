/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.UUID;
import org.junit.jupiter.api.Test;

class EventIdsTest {
  private static final UserId ANNA = UserId.parse("7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10");
  private static final UserId BEN = UserId.parse("0b9b7a1e-2f0c-4c57-9d5b-3a1c2b4d5e6f");

  /** Consumers drop duplicates by these; another version of this code must derive the same. */
  @Test
  void areTheSameForEver() {
    assertThat(EventIds.ready(ANNA, "e-1", "c-1"))
        .isEqualTo("13844c52-f37d-3e7c-8331-c24d7290983f");
    assertThat(EventIds.failed(ANNA, "e-1")).isEqualTo("1ba5edef-793a-3048-b99e-d0c79be7a08d");
    assertThat(EventIds.reaped(ANNA, "0123456789abcdef"))
        .isEqualTo("6b1ed1b1-68eb-3498-93d6-4d661bb31792");
    assertThat(EventIds.exited(ANNA, "e-1")).isEqualTo("b520cb5e-a26b-3272-9319-aec9de736def");
    assertThat(EventIds.started(ANNA, "e-1")).isEqualTo("7e0bb95a-5fb9-30e0-966b-c37a98941886");
    assertThat(EventIds.output(ANNA, "e-1", 7)).isEqualTo("cdd3ba09-1629-3a70-a155-8b81ac12378f");
    assertThat(
            EventIds.expiring(
                ANNA,
                "0123456789abcdef",
                Expiring.Reason.IDLE,
                java.time.Instant.parse("2026-11-24T12:00:00Z")))
        .isEqualTo("981f873e-98f6-387f-8bb5-5e338d239cdf");
  }

  @Test
  void differByCauseAndByKind() {
    assertThat(EventIds.ready(ANNA, "a", "c")).isNotEqualTo(EventIds.ready(ANNA, "b", "c"));
    assertThat(EventIds.ready(ANNA, "a", "c")).isNotEqualTo(EventIds.ready(ANNA, "a", "d"));
    assertThat(EventIds.ready(ANNA, "a", "c")).isNotEqualTo(EventIds.failed(ANNA, "a"));
    assertThat(UUID.fromString(EventIds.ready(ANNA, "a", "c")).version()).isEqualTo(3);
  }

  /** Agents choose these ids; a consumer that drops known ids must lose nobody's answer. */
  @Test
  void differByUser() {
    assertThat(EventIds.ready(ANNA, "1", "c")).isNotEqualTo(EventIds.ready(BEN, "1", "c"));
    assertThat(EventIds.failed(ANNA, "1")).isNotEqualTo(EventIds.failed(BEN, "1"));
    assertThat(EventIds.reaped(ANNA, "c")).isNotEqualTo(EventIds.reaped(BEN, "c"));
    assertThat(EventIds.handover(ANNA, "c")).isNotEqualTo(EventIds.handover(BEN, "c"));
    assertThat(EventIds.exited(ANNA, "1")).isNotEqualTo(EventIds.exited(BEN, "1"));
    assertThat(EventIds.started(ANNA, "1")).isNotEqualTo(EventIds.started(BEN, "1"));
    assertThat(EventIds.output(ANNA, "1", 0)).isNotEqualTo(EventIds.output(BEN, "1", 0));
    assertThat(EventIds.output(ANNA, "1", 0)).isNotEqualTo(EventIds.output(ANNA, "1", 1));
  }

  @Test
  void anEventWithoutAnIdIsKnownByItsPlace() {
    assertThat(new Origin("sandbox.ensure", 3, 17, java.time.Instant.EPOCH))
        .hasToString("sandbox.ensure-3-17")
        .extracting(Origin::eventId)
        .isEqualTo("sandbox.ensure-3-17");
  }
}
