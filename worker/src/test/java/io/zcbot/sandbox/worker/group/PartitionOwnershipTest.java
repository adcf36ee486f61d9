/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.sandbox.Time;
import java.time.Duration;
import java.time.Instant;
import java.util.Set;
import org.junit.jupiter.api.Test;

class PartitionOwnershipTest {
  private long nanos = 1;
  private boolean stopping;
  private final PartitionOwnership ownership =
      new PartitionOwnership(
          new Time() {
            @Override
            public long nanos() {
              return nanos;
            }

            @Override
            public Instant now() {
              return Instant.EPOCH;
            }
          },
          () -> stopping);

  private void pass(Duration time) {
    nanos += time.toNanos() + 1;
  }

  @Test
  void aStartGivesTheGroupTime() {
    assertThat(ownership.isCertain(true)).isFalse();
    pass(PartitionOwnership.RESTART_GRACE);
    assertThat(ownership.isCertain(true)).isTrue();
  }

  @Test
  void onlyTheFirstAssignmentAfterJoiningDecides() {
    assertThat(ownership.assigned(Set.of(1, 2))).isTrue();
    assertThat(ownership.assigned(Set.of(3))).isFalse();
    assertThat(ownership.owns(1)).isTrue();
    ownership.lost(Set.of(1, 2, 3));
    assertThat(ownership.owns(1)).isFalse();
    assertThat(ownership.assigned(Set.of(1))).isTrue();
  }

  @Test
  void aLossGivesTimeToJoinAgain() {
    ownership.assigned(Set.of(1));
    pass(PartitionOwnership.REJOIN_GRACE);
    assertThat(ownership.isCertain(true)).isTrue();
    ownership.lost(Set.of(1));
    assertThat(ownership.isCertain(true)).isFalse();
  }

  @Test
  void whileKafkaIsAwayNothingIsCertain() {
    pass(PartitionOwnership.RESTART_GRACE);
    assertThat(ownership.isCertain(false)).isFalse();
    assertThat(ownership.isCertain(true)).isFalse();
    pass(PartitionOwnership.REJOIN_GRACE);
    assertThat(ownership.isCertain(true)).isTrue();
  }

  /** Or a stop that keeps its sandboxes for the next start would reap them on its way out. */
  @Test
  void aStopDecidesNothing() {
    ownership.assigned(Set.of(1));
    pass(PartitionOwnership.REJOIN_GRACE);
    stopping = true;
    ownership.released(Set.of(1));
    assertThat(ownership.isCertain(true)).isFalse();
  }
}
