/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.UUID;
import org.junit.jupiter.api.Test;

class EventIdsTest {
  /** Consumers drop duplicates by these; another version of this code must derive the same. */
  @Test
  void areTheSameForEver() {
    assertThat(EventIds.ready("e-1", "c-1")).isEqualTo("f4ace0c0-7de3-34cf-afdb-1011547854e8");
    assertThat(EventIds.failed("e-1")).isEqualTo("6b0b1b37-ec86-3156-9f58-1beee287fe40");
    assertThat(EventIds.reaped("0123456789abcdef"))
        .isEqualTo("c61fb21e-300b-3636-b414-c024888c2f53");
    assertThat(EventIds.exited("e-1")).isEqualTo("46756f5d-2d68-308c-a039-523335cf84b9");
    assertThat(EventIds.output("e-1", 7)).isEqualTo("a4159ab4-0f17-3609-95dd-f9e8174451c1");
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

  @Test
  void anEventWithoutAnIdIsKnownByItsPlace() {
    assertThat(new Origin("sandbox.ensure", 3, 17, java.time.Instant.EPOCH))
        .hasToString("sandbox.ensure-3-17")
        .extracting(Origin::eventId)
        .isEqualTo("sandbox.ensure-3-17");
  }
}
