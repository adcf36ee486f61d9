/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.intake.PartitionState;
import io.zcbot.sandbox.worker.testkit.ManualTime;
import java.time.Duration;
import java.util.EnumSet;
import org.junit.jupiter.api.Test;

class PartitionOwnershipTest {
  private final ManualTime time = new ManualTime(1);
  private PartitionState state = PartitionState.LOST;
  private boolean stopping;
  private final PartitionOwnership ownership =
      new PartitionOwnership(_ -> state, time, () -> stopping);

  private void pass(Duration grace) {
    time.pass(grace.plusNanos(1));
  }

  @Test
  void aStartGivesTheGroupTime() {
    assertThat(ownership.isCertain(true)).isFalse();
    pass(PartitionOwnership.RESTART_GRACE);
    assertThat(ownership.isCertain(true)).isTrue();
  }

  @Test
  void onlyTheFirstAssignmentAfterJoiningDecides() {
    assertThat(ownership.assigned()).isTrue();
    assertThat(ownership.assigned()).isFalse();
    ownership.lost();
    assertThat(ownership.assigned()).isTrue();
  }

  /** Its sandboxes are announced as they are reaped. */
  @Test
  void aPartitionThatIsGivenAwayIsOwnedUntilItIsGone() {
    assertThat(ownership.owns(1)).isFalse();
    for (PartitionState owned : EnumSet.complementOf(EnumSet.of(PartitionState.LOST))) {
      state = owned;
      assertThat(ownership.owns(1)).isTrue();
    }
  }

  @Test
  void aLossGivesTimeToJoinAgain() {
    ownership.assigned();
    pass(PartitionOwnership.REJOIN_GRACE);
    assertThat(ownership.isCertain(true)).isTrue();
    ownership.lost();
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
    ownership.assigned();
    pass(PartitionOwnership.REJOIN_GRACE);
    stopping = true;
    assertThat(ownership.isCertain(true)).isFalse();
  }
}
