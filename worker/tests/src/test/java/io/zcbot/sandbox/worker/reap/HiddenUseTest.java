/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.worker.spec.IdleTtls;
import io.zcbot.sandbox.worker.testkit.InAWorld;
import io.zcbot.sandbox.worker.testkit.World;
import java.time.Duration;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Processes that run while nobody uses their sandbox. */
class HiddenUseTest extends InAWorld {
  private static final Duration STEP = Duration.ofSeconds(10);
  private static final Duration LIFETIME = Duration.ofHours(1);

  @BeforeEach
  void countProcessorTime() throws Exception {
    world =
        new World(
            root,
            new World.Limits(IdleTtls.always(World.TTL), World.EVICT_AFTER, LIFETIME, null, 0.05),
            1);
  }

  /** Time passes in the reaper's steps, in which the processes take a share of a core. */
  private void pass(String id, Duration time, double share) {
    for (Duration left = time; left.isPositive(); left = left.minus(STEP)) {
      world.advance(STEP);
      if (!world.engine.running(ANNA).isEmpty()) {
        world.engine.work(id, Duration.ofMillis(Math.round(share * STEP.toMillis())));
      }
      world.readAll();
      world.tick();
    }
  }

  @Test
  void aBusySandboxIsKeptUntilItsProcessesRest() throws Exception {
    String id = world.ready(ANNA).containerId();
    pass(id, Duration.ofMinutes(20), 0.06);
    assertThat(world.reaped()).isEmpty();
    pass(id, World.TTL, 0);
    assertThat(world.reaped())
        .singleElement()
        .satisfies(
            reaped -> {
              assertThat(reaped.reason()).isEqualTo(Reaped.Reason.IDLE);
              assertThat(reaped.lastUse()).isEqualTo(Reaped.Use.CPU);
            });
  }

  @Test
  void aSandboxThatTakesLittleIsReapedInTime() throws Exception {
    String id = world.ready(ANNA).containerId();
    pass(id, World.TTL, 0.04);
    assertThat(world.reaped())
        .singleElement()
        .extracting(Reaped::lastUse)
        .isEqualTo(Reaped.Use.ENSURE);
  }

  @Test
  void whatWasDoneBeforeTheLastUseIsNoSignOfWork() throws Exception {
    String id = world.ready(ANNA).containerId();
    pass(id, Duration.ofMinutes(2), 1);
    world.registry.touch(ANNA, world.now, Reaped.Use.ACTIVITY);
    pass(id, World.TTL, 0);
    assertThat(world.reaped())
        .singleElement()
        .extracting(Reaped::lastUse)
        .isEqualTo(Reaped.Use.ACTIVITY);
  }

  @Test
  void theLifetimeEndsABusySandbox() throws Exception {
    String id = world.ready(ANNA).containerId();
    pass(id, LIFETIME, 1);
    assertThat(world.reaped())
        .singleElement()
        .extracting(Reaped::reason)
        .isEqualTo(Reaped.Reason.LIFETIME);
  }

  /** As after an adopting start, whose sandboxes nobody looked at. */
  @Test
  void aSandboxThatWasNotLookedAtIsJudgedAtTheNextLook() throws Exception {
    String id = world.ready(ANNA).containerId();
    world.advance(World.TTL);
    world.readAll();
    world.tick();
    assertThat(world.reaped()).isEmpty();
    pass(id, STEP, 0);
    assertThat(world.reaped()).hasSize(1);
  }

  @Test
  void aBusySandboxIsNotEvicted() throws Exception {
    String id = world.ready(ANNA).containerId();
    pass(id, World.EVICT_AFTER.plus(STEP), 0.5);
    assertThat(evictsAnnaForBen()).isFalse();
    pass(id, World.EVICT_AFTER.plus(STEP), 0);
    assertThat(evictsAnnaForBen()).isTrue();
  }

  private boolean evictsAnnaForBen() throws Exception {
    try (var _ = world.settling(ANNA)) {
      return world.ensure(BEN) instanceof Ready;
    }
  }

  @Test
  void theEngineIsAskedOnlyAboutSandboxesThatAreUnused() throws Exception {
    String id = world.ready(ANNA).containerId();
    int calls = world.engine.faults.calls();
    for (int i = 0; i < 30; i++) {
      pass(id, STEP, 1);
      world.registry.touch(ANNA, world.now, Reaped.Use.ACTIVITY);
    }
    assertThat(world.engine.faults.calls()).isEqualTo(calls);
  }
}
