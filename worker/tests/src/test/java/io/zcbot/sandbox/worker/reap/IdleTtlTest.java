/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.worker.spec.IdleTtls;
import io.zcbot.sandbox.worker.testkit.InAWorld;
import io.zcbot.sandbox.worker.testkit.World;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Users choose how long their sandboxes may be idle, within the operator's bounds. */
class IdleTtlTest extends InAWorld {
  private static final Duration SHORTEST = Duration.ofSeconds(20);
  private static final Duration LONGEST = Duration.ofHours(2);
  private static final Duration SHORT = Duration.ofSeconds(30);
  private static final Duration LONG = Duration.ofHours(1);

  @BeforeEach
  void allow() throws Exception {
    world =
        new World(
            root,
            new World.Limits(
                new IdleTtls(World.TTL, SHORTEST, LONGEST), World.EVICT_AFTER, null, null, null),
            4);
  }

  private Ready ready(@Nullable Duration idleTtl) throws Exception {
    SandboxEvent answer = world.ensure(ANNA, idleTtl);
    assertThat(answer).isInstanceOf(Ready.class);
    return (Ready) answer;
  }

  private void unusedFor(Duration time) {
    world.advance(time);
    world.readAll();
    world.tick();
  }

  @Test
  void eachSandboxIsReapedAfterItsOwnIdleTtl() throws Exception {
    assertThat(ready(SHORT).environment().idleTtl()).isEqualTo(SHORT);
    world.ensure(BEN, LONG);
    unusedFor(SHORT.minusSeconds(1));
    assertThat(world.reaped()).isEmpty();
    unusedFor(Duration.ofSeconds(1));
    assertThat(world.reaped())
        .singleElement()
        .satisfies(
            reaped -> {
              assertThat(reaped.userId()).isEqualTo(ANNA);
              assertThat(reaped.reason()).isEqualTo(Reaped.Reason.IDLE);
              assertThat(reaped.lastUse()).isEqualTo(Reaped.Use.ENSURE);
            });
    unusedFor(LONG.minus(SHORT).minusSeconds(1));
    assertThat(world.reaped()).hasSize(1);
    unusedFor(Duration.ofSeconds(1));
    assertThat(world.reaped()).hasSize(2);
  }

  @Test
  void anIdleTtlHoldsUntilTheNextEnsure() throws Exception {
    String id = ready(LONG).containerId();
    assertThat(world.live.get(id).idleTtl()).isEqualTo(LONG);
    Ready again = ready(null);
    assertThat(again.outcome()).isEqualTo(Ready.Outcome.REUSED);
    assertThat(again.environment().idleTtl()).isEqualTo(World.TTL);
    assertThat(world.live.get(id).idleTtl()).isNull();
    unusedFor(World.TTL);
    assertThat(world.reaped()).hasSize(1);
  }

  @Test
  void aChangedEntryKeepsTheTimeAtWhichTheSandboxWasFoundReady() throws Exception {
    String id = ready(null).containerId();
    LiveSandbox first = world.live.get(id);
    world.advance(Duration.ofMinutes(1));
    ready(LONG);
    assertThat(world.live.get(id))
        .isEqualTo(
            new LiveSandbox(
                ANNA,
                id,
                first.host(),
                first.workerId(),
                first.openedAt(),
                LONG,
                first.startedAt()));
  }

  @Test
  void anUnchangedIdleTtlIsNotWrittenAgain() throws Exception {
    String id = ready(LONG).containerId();
    world.live.clear();
    ready(LONG);
    assertThat(world.live).doesNotContainKey(id);
  }

  @Test
  void anIdleTtlOutOfBoundsIsRejectedAndChangesNothing() throws Exception {
    Ready before = ready(SHORT);
    for (Duration bad :
        new Duration[] {
          Duration.ZERO,
          SHORTEST.minusSeconds(1),
          LONGEST.plusSeconds(1),
          Duration.ofSeconds(Long.MAX_VALUE)
        }) {
      SandboxEvent answer = world.ensure(ANNA, bad);
      assertThat(answer).isInstanceOf(Failed.class);
      Failed failed = (Failed) answer;
      assertThat(failed.reason()).isEqualTo(Failed.Reason.REJECTED);
      assertThat(failed.retryable()).isFalse();
      assertThat(failed.message())
          .startsWith("idle_ttl_seconds is " + bad.toSeconds())
          .contains("allows 20 to 7200 seconds");
    }
    assertThat(world.live.get(before.containerId()).idleTtl()).isEqualTo(SHORT);
    assertThat(world.engine.running(ANNA)).hasSize(1);
  }

  @Test
  void anAdoptingStartTakesTheIdleTtlOver() throws Exception {
    ready(LONG);
    adopt();
    unusedFor(LONG.minusSeconds(1));
    assertThat(world.reaped()).isEmpty();
    unusedFor(Duration.ofSeconds(1));
    assertThat(world.reaped()).hasSize(1);
  }

  @Test
  void anAdoptingStartReadsTheIdleTtlFromTheReadyIfTheEntryIsMissing() throws Exception {
    ready(LONG);
    world.live.clear();
    adopt();
    unusedFor(LONG.minusSeconds(1));
    assertThat(world.reaped()).isEmpty();
    unusedFor(Duration.ofSeconds(1));
    assertThat(world.reaped()).hasSize(1);
  }

  @Test
  void whatAReadyAnnouncedHoldsThoughTheUsualIdleTtlIsAnotherAfterAnAdoptingStart()
      throws Exception {
    ready(null);
    restartedWithHalfOfIt();
    adopt();
    unusedFor(World.TTL.minusSeconds(1));
    assertThat(world.reaped()).isEmpty();
    unusedFor(Duration.ofSeconds(1));
    assertThat(world.reaped()).hasSize(1);
  }

  @Test
  void theNextEnsureAfterAnAdoptingStartTellsTheUsualIdleTtl() throws Exception {
    ready(null);
    restartedWithHalfOfIt();
    adopt();
    Ready again = ready(null);
    assertThat(again.outcome()).isEqualTo(Ready.Outcome.REUSED);
    assertThat(again.environment().idleTtl()).isEqualTo(World.TTL.dividedBy(2));
    unusedFor(World.TTL.dividedBy(2));
    assertThat(world.reaped()).hasSize(1);
  }

  private void restartedWithHalfOfIt() {
    world.limits =
        new World.Limits(
            IdleTtls.always(World.TTL.dividedBy(2)), World.EVICT_AFTER, null, null, null);
  }

  @Test
  void anIdleTtlInTheLogIsKeptWithinTheBounds() throws Exception {
    String id = ready(LONG).containerId();
    LiveSandbox entry = world.live.get(id);
    world.live.put(
        id,
        new LiveSandbox(
            ANNA,
            id,
            entry.host(),
            entry.workerId(),
            entry.openedAt(),
            Duration.ofSeconds(Long.MAX_VALUE),
            null));
    adopt();
    unusedFor(LONGEST);
    assertThat(world.reaped()).hasSize(1);
  }

  private void adopt() throws Exception {
    world.reboot();
    world.domain.previousRun().adopt(world.sandboxLog(), _ -> 0, world.now);
    assertThat(world.registry.size()).isOne();
  }
}
