/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.worker.security.Row;
import io.zcbot.sandbox.worker.testkit.InAWorld;
import io.zcbot.sandbox.worker.testkit.World;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class EvictionTest extends InAWorld {
  @Test
  void aFullHostEvictsTheOneUnusedForLongest() throws Exception {
    world.ready(ANNA);
    world.advance(Duration.ofSeconds(10));
    world.ready(BEN);
    world.advance(World.EVICT_AFTER.plusSeconds(1));
    world.readAll();
    try (var _ = world.settling(ANNA)) {
      assertThat(world.ready(CLARA).outcome()).isEqualTo(Ready.Outcome.CREATED);
    }
    assertThat(world.reaped())
        .singleElement()
        .satisfies(
            reaped -> {
              assertThat(reaped.userId()).isEqualTo(ANNA);
              assertThat(reaped.reason()).isEqualTo(Reaped.Reason.EVICTED);
            });
  }

  /** The engine's exec has no time-out; a user may let one hang. */
  @Row(56)
  @Test
  void aCommandThatHangsHoldsAPlaceForAnHour() throws Exception {
    String id = world.ready(ANNA).containerId();
    world.ready(BEN);
    world.engine.exec(id, true);
    pass(Duration.ofMinutes(50));
    try (var _ = world.settling(ANNA)) {
      assertThat(world.failed(CLARA).reason()).isEqualTo(Failed.Reason.CAPACITY);
    }

    pass(Duration.ofMinutes(15));
    try (var _ = world.settling(ANNA)) {
      assertThat(world.ready(CLARA).outcome()).isEqualTo(Ready.Outcome.CREATED);
    }
    assertThat(world.reaped())
        .singleElement()
        .satisfies(
            reaped -> {
              assertThat(reaped.userId()).isEqualTo(ANNA);
              assertThat(reaped.reason()).isEqualTo(Reaped.Reason.EVICTED);
            });
  }

  /** Ben is at work all the time, Anna only has a command that runs. */
  private void pass(Duration time) {
    for (Duration passed = Duration.ZERO;
        passed.compareTo(time) < 0;
        passed = passed.plus(World.EVICT_AFTER.plusSeconds(1))) {
      world.advance(World.EVICT_AFTER.plusSeconds(1));
      world.registry.touch(BEN, world.now, Reaped.Use.ACTIVITY);
      world.readAll();
      world.tick();
    }
    world.advance(World.EVICT_AFTER.minusSeconds(1));
    world.registry.touch(BEN, world.now, Reaped.Use.ACTIVITY);
    world.advance(Duration.ofSeconds(2));
    world.readAll();
  }

  @Test
  void aFullHostOfBusySandboxesSaysSo() throws Exception {
    world.ready(ANNA);
    world.ready(BEN);
    world.readAll();
    Failed failed = world.failed(CLARA);
    assertThat(failed.reason()).isEqualTo(Failed.Reason.CAPACITY);
    assertThat(failed.retryable()).isTrue();
    // The place is not lost: when one goes, the next ensure is met.
    world.advance(World.TTL);
    world.readAll();
    world.tick();
    assertThat(world.ready(CLARA).outcome()).isEqualTo(Ready.Outcome.CREATED);
  }
}
