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
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.testkit.EngineFaults;
import io.zcbot.sandbox.worker.testkit.InAWorld;
import io.zcbot.sandbox.worker.testkit.World;
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

  /** As in an outage of Kafka, in which no lane gets on. */
  @Test
  void aDeadSandboxWaitsForItsLaneOnceHoweverOftenItIsFoundDead() throws Exception {
    world.engine.die(world.ready(ANNA).containerId(), 3);
    reconcile(3);
    assertThat(world.waiting(ANNA)).isOne();
    world.refuses =
        _ -> {
          reconcile(3);
          return false;
        };
    assertThat(world.step(ANNA)).isTrue();
    assertThat(world.reaped()).hasSize(1);
    assertThat(world.waiting(ANNA)).as("found while its end was announced").isZero();
  }

  @Test
  void anUnknownContainerWaitsForItsLaneOnceHoweverOftenItIsFound() throws Exception {
    world.engine.put(ofMine("stray"));
    reconcile(3);
    assertThat(world.waiting(ANNA)).isOne();
    world.settle();
    assertThat(world.engine.everything()).isEmpty();
  }

  private static Container ofMine(String id) {
    return new Container(
        id,
        Container.nameOf(ANNA),
        Container.State.RUNNING,
        new Container.Ownership(ANNA, null, World.ME.workerId(), true),
        World.SPEC.hash(),
        Instant.EPOCH,
        null,
        false);
  }

  @Test
  void whatTheEngineFailedToShowIsLookedIntoInTheNextRound() throws Exception {
    world.engine.die(world.ready(ANNA).containerId(), 3);
    failNextLook();
    reconcile(1);
    world.settle();
    assertThat(world.reaped()).isEmpty();
    reconcile(1);
    world.settle();
    assertDied(3);
  }

  @Test
  void anEventIsLookedIntoThoughACheckWaits() throws Exception {
    Ready ready = world.ready(ANNA);
    world.engine.removeByHand(ready.containerId());
    reconcile(1);
    world
        .domain
        .reconciler()
        .on(new EngineEvent(EngineEvent.Kind.DIED, ANNA, ready.containerId(), Instant.EPOCH, 137));
    failNextLook();
    world.settle();
    assertDied(137);
  }

  private void failNextLook() {
    world.engine.faults.failNext(
        new EngineFaults.Fault("find", EngineException.Kind.TRANSIENT, false));
  }

  private void reconcile(int rounds) {
    for (int i = 0; i < rounds; i++) {
      try {
        world.domain.reconciler().reconcile();
      } catch (EngineException e) {
        throw new IllegalStateException(e);
      }
    }
  }
}
