/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.worker.intake.PartitionState;
import io.zcbot.sandbox.worker.sandbox.Time;
import io.zcbot.sandbox.worker.testkit.World;
import java.nio.file.Path;
import java.util.Map;
import org.apache.kafka.common.errors.GroupAuthorizationException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Being out of the group is no reason to end a sandbox; that another worker took over is one. */
class UnownedSandboxesTest {
  @TempDir Path root;
  private World world;
  private PartitionOwnership ownership;
  private PartitionState state = PartitionState.LOST;

  @BeforeEach
  void aSandboxOfAPartitionThatWasLost() throws Exception {
    world = new World(root, 10, null);
    var _ = world.ready(World.user(1));
    ownership = new PartitionOwnership(_ -> state, Time.system(), () -> false);
  }

  private void check(UnownedSandboxes unowned) {
    unowned.check();
    world.settle();
  }

  private UnownedSandboxes unowned() {
    return unowned(Map.copyOf(world.live));
  }

  private UnownedSandboxes unowned(Map<String, LiveSandbox> live) {
    return new UnownedSandboxes(world.domain.takeover(), ownership, _ -> live, Runnable::run);
  }

  @Test
  void aSandboxStaysWhileNobodyTookItsUserOver() {
    check(unowned());
    assertThat(world.registry.get(World.user(1))).isNotNull();
    assertThat(world.reaped()).isEmpty();
  }

  @Test
  void aSandboxThatAnotherWorkerAnnouncedLostIsRemovedSilently() {
    check(unowned(Map.of()));
    assertThat(world.registry.get(World.user(1))).isNull();
    assertThat(world.engine.running(World.user(1))).isEmpty();
    assertThat(world.reaped()).isEmpty();
  }

  @Test
  void aSandboxOfAnOwnedPartitionIsNotLookedAt() {
    state = PartitionState.OWNED;
    check(unowned(Map.of()));
    assertThat(world.registry.get(World.user(1))).isNotNull();
  }

  @Test
  void aLiveTableThatCantBeReadEndsNothingAndIsReadAgain() {
    var readable =
        new Object() {
          boolean now;
        };
    UnownedSandboxes unowned =
        new UnownedSandboxes(
            world.domain.takeover(),
            ownership,
            _ -> {
              if (!readable.now) {
                throw new GroupAuthorizationException("no");
              }
              return Map.of();
            },
            Runnable::run);
    check(unowned);
    assertThat(world.registry.get(World.user(1))).isNotNull();
    readable.now = true;
    check(unowned);
    assertThat(world.registry.get(World.user(1))).isNull();
  }
}
