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
    assertThat(EventIds.ready("e-1", "c-1")).isEqualTo("f4ace0c0-7de3-34cf-afdb-1011547854e8");
    assertThat(EventIds.failed("e-1")).isEqualTo("6b0b1b37-ec86-3156-9f58-1beee287fe40");
    assertThat(EventIds.reaped("0123456789abcdef"))
        .isEqualTo("c61fb21e-300b-3636-b414-c024888c2f53");
    assertThat(EventIds.exited(ANNA, "e-1")).isEqualTo("b520cb5e-a26b-3272-9319-aec9de736def");
    assertThat(EventIds.output(ANNA, "e-1", 7)).isEqualTo("cdd3ba09-1629-3a70-a155-8b81ac12378f");
    assertThat(
            EventIds.expiring(
                "0123456789abcdef",
                Expiring.Reason.IDLE,
                java.time.Instant.parse("2026-11-24T12:00:00Z")))
        .isEqualTo("b4af01fc-c3d0-3277-9096-f7fba5cde805");
  }

  @Test
  void differByCauseAndByKind() {
    assertThat(EventIds.ready("a", "c")).isNotEqualTo(EventIds.ready("b", "c"));
    assertThat(EventIds.ready("a", "c")).isNotEqualTo(EventIds.ready("a", "d"));
    assertThat(EventIds.ready("a", "c")).isNotEqualTo(EventIds.failed("a"));
    assertThat(UUID.fromString(EventIds.ready("a", "c")).version()).isEqualTo(3);
  }

  /** Agents choose these ids; a consumer that drops known ids must lose nobody's answer. */
  @Test
  void theSameExecIdOfTwoUsersHasTwoAnswers() {
    assertThat(EventIds.exited(ANNA, "1")).isNotEqualTo(EventIds.exited(BEN, "1"));
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
