/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.InAWorld;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

class TakeoverTest extends InAWorld {
  private static LiveSandbox live(UserId user, String containerId, String worker) {
    return new LiveSandbox(user, containerId, "host of " + worker, worker, Instant.EPOCH);
  }

  @Test
  void whatOthersAnnouncedLostMeanwhileGoesSilentlyAndIsNotReused() throws Exception {
    String lost = world.ready(ANNA).containerId();
    String kept = world.ready(BEN).containerId();
    var disowned = world.domain.takeover().disown(Set.of(0), Set.of(kept));
    var elsewhere = world.domain.takeover().disown(Set.of(1), Set.of());
    world.settle();
    assertThat(disowned).isCompleted();
    assertThat(elsewhere).isCompleted();
    assertThat(world.reaped()).isEmpty();
    assertThat(world.engine.running(ANNA)).isEmpty();
    assertThat(world.engine.running(BEN)).hasSize(1);
    assertThat(world.ready(ANNA).containerId()).isNotEqualTo(lost);
  }

  @Test
  void aTakeoverAnnouncesWhatWentWithItsHostAndNothingElse() throws Exception {
    String here = world.ready(ANNA).containerId();
    var taken =
        world
            .domain
            .takeover()
            .takeOver(List.of(world.live.get(here), live(BEN, "gone", "dead-worker")));
    world.settle();
    assertThat(taken.join()).extracting(LiveSandbox::userId).containsExactly(BEN);
    assertThat(world.reaped())
        .singleElement()
        .satisfies(
            reaped -> {
              assertThat(reaped.reason()).isEqualTo(Reaped.Reason.LOST);
              assertThat(reaped.containerId()).isEqualTo("gone");
              assertThat(reaped.container().host()).isEqualTo("host of dead-worker");
            });
    assertThat(world.engine.running(ANNA)).hasSize(1);
  }
}
