/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.EngineEvent;
import io.zcbot.sandbox.worker.testkit.InAWorld;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class ReconcilerTest extends InAWorld {
  @Test
  void removalByHandIsAnnouncedWithTheExitCodeOfTheEvent() throws Exception {
    Ready ready = world.ready(ANNA);
    Container container = world.engine.everything().getFirst();
    world.engine.removeByHand(ready.containerId());
    world
        .domain
        .reconciler()
        .on(
            new EngineEvent(
                EngineEvent.Kind.DIED, container.user(), container.id(), Instant.EPOCH, 137));
    world.settle();
    assertDied(137);
  }

  private void assertDied(int exitCode) {
    assertThat(world.reaped())
        .singleElement()
        .satisfies(
            reaped -> {
              assertThat(reaped.reason()).isEqualTo(Reaped.Reason.DIED);
              assertThat(reaped.exitCode()).isEqualTo(exitCode);
            });
  }

  /** It runs by the time that its death is looked into. */
  @Test
  void aSandboxThatSomebodyStartedAgainIsEnded() throws Exception {
    Ready ready = world.ready(ANNA);
    world.engine.restartByHand(ready.containerId());
    world
        .domain
        .reconciler()
        .on(new EngineEvent(EngineEvent.Kind.DIED, ANNA, ready.containerId(), Instant.EPOCH, 143));
    world.settle();
    assertDied(143);
    assertThat(world.engine.everything()).isEmpty();
  }

  @Test
  void aDeathUnseenIsFoundByReconciliation() throws Exception {
    world.engine.die(world.ready(ANNA).containerId(), 3);
    world.domain.reconciler().reconcile();
    world.settle();
    assertThat(world.reaped()).singleElement().extracting(Reaped::exitCode).isEqualTo(3);
  }

  @Test
  void aPausedOrRenamedSandboxIsEnded() throws Exception {
    world.engine.state(world.ready(ANNA).containerId(), Container.State.PAUSED);
    world.engine.renameByHand(world.ready(BEN).containerId(), "elsewhere");
    world.domain.reconciler().reconcile();
    world.settle();
    assertThat(world.reaped())
        .extracting(Reaped::reason)
        .containsExactly(Reaped.Reason.DIED, Reaped.Reason.DIED);
    assertThat(world.engine.everything()).isEmpty();
  }
}
