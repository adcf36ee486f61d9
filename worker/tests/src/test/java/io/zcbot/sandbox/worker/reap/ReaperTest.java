/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.security.Row;
import io.zcbot.sandbox.worker.testkit.EngineFaults;
import io.zcbot.sandbox.worker.testkit.InAWorld;
import io.zcbot.sandbox.worker.testkit.World;
import java.time.Duration;
import org.junit.jupiter.api.Test;

class ReaperTest extends InAWorld {
  @Test
  void anIdleSandboxIsReapedOnceTheTtlIsOver() throws Exception {
    world.ready(ANNA);
    world.advance(World.TTL.minusSeconds(1));
    world.readAll();
    world.tick();
    assertThat(world.reaped()).isEmpty();
    world.advance(Duration.ofSeconds(1));
    world.readAll();
    world.tick();
    assertThat(world.reaped())
        .singleElement()
        .extracting(Reaped::reason)
        .isEqualTo(Reaped.Reason.IDLE);
    assertThat(world.engine.everything()).isEmpty();
  }

  @Test
  void nobodyIsReapedBeyondWhatWasRead() throws Exception {
    world.ready(ANNA);
    world.readAll();
    world.advance(World.TTL.multipliedBy(10));
    world.tick();
    assertThat(world.reaped()).isEmpty();
    world.lowWatermark = null;
    world.tick();
    assertThat(world.reaped()).isEmpty();
  }

  @Test
  void activityKeepsASandboxAlive() throws Exception {
    world.ready(ANNA);
    world.advance(World.TTL.minusSeconds(10));
    world.registry.touch(ANNA, world.now, Reaped.Use.ACTIVITY);
    world.advance(Duration.ofSeconds(20));
    world.readAll();
    world.tick();
    assertThat(world.reaped()).isEmpty();
  }

  @Test
  void aRunningCommandIsActivity() throws Exception {
    String id = world.ready(ANNA).containerId();
    world.engine.exec(id, true);
    for (int i = 0; i < 3; i++) {
      world.advance(World.TTL);
      world.readAll();
      world.tick();
    }
    assertThat(world.reaped()).isEmpty();
    world.engine.exec(id, false);
    world.advance(World.TTL);
    world.readAll();
    world.tick();
    assertThat(world.reaped()).hasSize(1);
  }

  @Test
  void aUseThatIsReadWhileTheEngineIsAskedKeepsASandboxAlive() throws Exception {
    world.ready(ANNA);
    world.advance(World.TTL);
    world.readAll();
    world.engine.faults.meanwhile(
        "exec", () -> world.registry.touch(ANNA, world.now, Reaped.Use.ACTIVITY));
    world.tick();
    assertThat(world.reaped()).isEmpty();
    assertThat(world.engine.running(ANNA)).hasSize(1);

    world.advance(World.TTL);
    world.readAll();
    world.tick();
    assertThat(world.reaped()).as("once it is idle again").hasSize(1);
  }

  @Test
  void aReapThatTheEngineRefusesIsTriedAgainAndAnnouncedOnce() throws Exception {
    world.ready(ANNA);
    world.advance(World.TTL);
    world.readAll();
    world.engine.faults.failNext(
        new EngineFaults.Fault("remove", EngineException.Kind.TRANSIENT, false));
    world.tick();
    assertThat(world.reaped()).hasSize(1);
    assertThat(world.engine.running(ANNA)).isEmpty();
    world.domain.reconciler().reconcile();
    world.settle();
    assertThat(world.reaped()).hasSize(1);
    assertThat(world.engine.everything()).isEmpty();
  }

  @Row(56)
  @Test
  void theMaximumLifetimeEndsEvenABusySandbox() throws Exception {
    world = new World(root, 2, Duration.ofHours(1));
    String id = world.ready(ANNA).containerId();
    world.engine.exec(id, true);
    world.advance(Duration.ofHours(1));
    world.registry.touch(ANNA, world.now, Reaped.Use.ACTIVITY);
    world.tick();
    assertThat(world.reaped())
        .singleElement()
        .extracting(Reaped::reason)
        .isEqualTo(Reaped.Reason.LIFETIME);
  }
}
