/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.Verified;
import io.zcbot.sandbox.worker.sandbox.Capacity;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.TerminationTarget;
import io.zcbot.sandbox.worker.testkit.World;
import java.time.Instant;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class DecisionTest {
  private static final UserId ANNA = World.user(1);

  @Test
  void anotherSpecIsReplaced() {
    Container found =
        new Container(
            "c1",
            Container.nameOf(ANNA),
            Container.State.RUNNING,
            new Container.Ownership(ANNA, null, "me", true),
            "another spec",
            Instant.EPOCH,
            null,
            false);
    Sandbox known = new Sandbox(ANNA, World.PROFILE, found, 0, 0, 0, new Capacity(1).tryTake());
    assertThat(Decision.of(ANNA, known, Optional.of(new Verified(found, false))))
        .isInstanceOfSatisfying(
            Decision.Make.class,
            make ->
                assertThat(make.remains())
                    .singleElement()
                    .extracting(TerminationTarget::reason)
                    .isEqualTo(Reaped.Reason.REPLACED));
  }
}
