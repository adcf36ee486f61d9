/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
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
    Thread settling = settleInBackground();
    assertThat(world.ready(CLARA).outcome()).isEqualTo(Ready.Outcome.CREATED);
    settling.interrupt();
    assertThat(world.reaped())
        .singleElement()
        .satisfies(
            reaped -> {
              assertThat(reaped.userId()).isEqualTo(ANNA);
              assertThat(reaped.reason()).isEqualTo(Reaped.Reason.EVICTED);
            });
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

  private Thread settleInBackground() {
    return Thread.ofVirtual()
        .start(
            () -> {
              while (!Thread.currentThread().isInterrupted()) {
                world.step(ANNA);
                Thread.yield();
              }
            });
  }
}
