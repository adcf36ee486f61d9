/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.RefusedEgress;
import io.zcbot.sandbox.worker.testkit.InAWorld;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The live table tells what a sandbox was refused. {@link TermsTest} has what ensures write there.
 */
class RefusalEntriesTest extends InAWorld {
  /** Longer than the idle TTL. */
  private static final Duration LONG = Duration.ofHours(1);

  private String id;

  @BeforeEach
  void start() throws Exception {
    id = ((Ready) world.ensure(ANNA, null, null)).containerId();
  }

  private static RefusedEgress refused(String name) {
    return new RefusedEgress(Instant.EPOCH, "tls", name, 443, "not-allowed");
  }

  private void pass(Duration time) {
    world.advance(time);
    world.domain.reaper().tickEnds();
    world.settle();
  }

  private List<RefusedEgress> entered() {
    LiveSandbox entry = world.live.get(id);
    return entry == null ? List.of() : entry.refused();
  }

  @Test
  void theEntryHasWhatWasRefusedSoonAndAtAPace() {
    world.engine.refused.put(id, List.of(refused("a.example")));
    pass(Duration.ofSeconds(1));
    assertThat(entered()).containsExactly(refused("a.example"));

    world.engine.refused.put(id, List.of(refused("a.example"), refused("b.example")));
    pass(RefusalEntries.PACE.minusNanos(1));
    assertThat(entered()).as("too early").hasSize(1);
    pass(Duration.ofNanos(1));
    assertThat(entered()).hasSize(2);
  }

  @Test
  void anEnsureKeepsIt() throws Exception {
    world.engine.refused.put(id, List.of(refused("a.example")));
    pass(Duration.ofSeconds(1));
    world.ensure(ANNA, null, world.time().now().plusSeconds(300));
    assertThat(entered()).containsExactly(refused("a.example"));
  }

  @Test
  void nothingIsEnteredOfASandboxThatIsGoneOrAnotherWorkers() {
    world.lowWatermark = null;
    world.engine.refused.put(id, List.of(refused("a.example")));
    pass(Duration.ofSeconds(1));
    assertThat(entered()).isEmpty();

    world.advance(LONG);
    world.readAll();
    world.tick();
    assertThat(world.reaped()).hasSize(1);
    world.domain.reaper().tickEnds();
    world.settle();
    assertThat(world.live.get(id)).isNull();
  }
}
