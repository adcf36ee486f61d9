/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Expiring;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.worker.spec.IdleTtls;
import io.zcbot.sandbox.worker.testkit.InAWorld;
import io.zcbot.sandbox.worker.testkit.World;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ExpiryNoticesTest extends InAWorld {
  private static final Duration NOTICE = Duration.ofSeconds(60);
  private static final Duration LIFETIME = Duration.ofHours(1);
  private static final IdleTtls TTLS =
      new IdleTtls(World.TTL, Duration.ofSeconds(10), Duration.ofHours(2));

  @BeforeEach
  void giveNotice() throws Exception {
    world = new World(root, new World.Limits(TTLS, World.EVICT_AFTER, LIFETIME, NOTICE, null), 4);
  }

  private void unusedFor(Duration time) {
    world.advance(time);
    world.readAll();
    world.tick();
  }

  private Instant in(Duration time) {
    return Instant.EPOCH.plusNanos(world.now).plus(time);
  }

  @Test
  void anUnusedSandboxIsAnnouncedOnceSomeTimeBeforeItsEnd() throws Exception {
    String id = world.ready(ANNA).containerId();
    Instant end = in(World.TTL);
    unusedFor(World.TTL.minus(NOTICE).minusSeconds(1));
    assertThat(world.notices()).isEmpty();
    for (int i = 0; i < 5; i++) {
      unusedFor(Duration.ofSeconds(10));
    }
    assertThat(world.notices())
        .singleElement()
        .satisfies(
            notice -> {
              assertThat(notice.userId()).isEqualTo(ANNA);
              assertThat(notice.containerId()).isEqualTo(id);
              assertThat(notice.reason()).isEqualTo(Expiring.Reason.IDLE);
              assertThat(notice.endsAt()).isEqualTo(end);
              assertThat(notice.at()).isEqualTo(end.minus(NOTICE).plusSeconds(9));
            });
    unusedFor(Duration.ofSeconds(11));
    assertThat(world.reaped()).hasSize(1);
    assertThat(world.notices()).hasSize(1);
  }

  @Test
  void useEndsTheApproachAndTheNextOneIsAnnouncedAgain() throws Exception {
    world.ready(ANNA);
    unusedFor(World.TTL.minusSeconds(10));
    world.registry.touch(ANNA, world.now, Reaped.Use.ACTIVITY);
    unusedFor(Duration.ofSeconds(20));
    assertThat(world.notices()).hasSize(1);
    unusedFor(World.TTL.minusSeconds(30));
    assertThat(world.reaped()).isEmpty();
    assertThat(world.notices()).extracting(Expiring::eventId).hasSize(2).doesNotHaveDuplicates();
  }

  @Test
  void aRunningCommandIsUseAndNotAnnounced() throws Exception {
    String id = world.ready(ANNA).containerId();
    world.engine.exec(id, true);
    unusedFor(World.TTL.minusSeconds(10));
    assertThat(world.notices()).isEmpty();
    world.engine.exec(id, false);
    unusedFor(World.TTL.minusSeconds(10));
    assertThat(world.notices()).hasSize(1);
    unusedFor(Duration.ofSeconds(10));
    assertThat(world.reaped())
        .singleElement()
        .extracting(Reaped::lastUse)
        .isEqualTo(Reaped.Use.EXEC);
  }

  @Test
  void theEndOfTheLifetimeIsAnnouncedOnceUsedOrNot() throws Exception {
    world.ready(ANNA);
    Instant end = in(LIFETIME);
    for (int i = 0; i < 358; i++) {
      world.registry.touch(ANNA, world.now, Reaped.Use.ACTIVITY);
      unusedFor(Duration.ofSeconds(10));
    }
    assertThat(world.notices())
        .singleElement()
        .satisfies(
            notice -> {
              assertThat(notice.reason()).isEqualTo(Expiring.Reason.LIFETIME);
              assertThat(notice.endsAt()).isEqualTo(end);
            });
  }

  @Test
  void anEndThatAnEnsureSetIsAnnouncedOnceAndAgainIfItMoves() throws Exception {
    Instant end = in(Duration.ofSeconds(70));
    world.ensure(ANNA, null, end);
    unusedFor(Duration.ofSeconds(9));
    assertThat(world.notices()).isEmpty();
    unusedFor(Duration.ofSeconds(1));
    unusedFor(Duration.ofSeconds(10));
    assertThat(world.notices())
        .singleElement()
        .satisfies(
            notice -> {
              assertThat(notice.reason()).isEqualTo(Expiring.Reason.ENDS_AT);
              assertThat(notice.endsAt()).isEqualTo(end);
            });
    Instant later = in(Duration.ofSeconds(90));
    world.ensure(ANNA, null, later);
    unusedFor(Duration.ofSeconds(29));
    assertThat(world.notices()).hasSize(1);
    unusedFor(Duration.ofSeconds(1));
    assertThat(world.notices()).hasSize(2).extracting(Expiring::eventId).doesNotHaveDuplicates();
    assertThat(world.notices().getLast().endsAt()).isEqualTo(later);
    unusedFor(Duration.ofSeconds(60));
    assertThat(world.reaped())
        .singleElement()
        .extracting(Reaped::reason)
        .isEqualTo(Reaped.Reason.ENDS_AT);
  }

  @Test
  void aSandboxWhoseTtlIsNotLongerThanTheNoticeIsReapedWithoutOne() throws Exception {
    world.ensure(ANNA, NOTICE);
    unusedFor(NOTICE.minusSeconds(1));
    unusedFor(Duration.ofSeconds(1));
    assertThat(world.notices()).isEmpty();
    assertThat(world.reaped()).hasSize(1);
  }

  @Test
  void nothingIsAnnouncedOfUsersThatAreNotFollowed() throws Exception {
    world.ready(ANNA);
    world.advance(LIFETIME.minusSeconds(10));
    world.lowWatermark = null;
    world.tick();
    assertThat(world.notices()).isEmpty();
  }
}
