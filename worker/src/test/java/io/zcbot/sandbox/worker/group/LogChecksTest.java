/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.intake.PartitionState;
import io.zcbot.sandbox.worker.sandbox.Announcements;
import io.zcbot.sandbox.worker.sandbox.SandboxLog;
import io.zcbot.sandbox.worker.testkit.OnePartitionLog;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import io.zcbot.sandbox.worker.testkit.World;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Map;
import java.util.Set;
import org.apache.kafka.common.errors.GroupAuthorizationException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Being out of the group is no reason to end a sandbox; that another worker took over is one. */
class LogChecksTest {
  @TempDir Path root;
  private World world;
  private PartitionState state = PartitionState.LOST;

  @BeforeEach
  void aSandboxOfAPartitionThatWasLost() throws Exception {
    world = new World(root, 10, null);
    var _ = world.ready(World.user(1));
  }

  private LogChecks checks(SandboxLog log) {
    return new LogChecks(world.comparison(log), world.domain.takeover(), _ -> state, Runnable::run);
  }

  private void check(LogChecks checks) {
    checks.checkUnowned();
    world.settle();
  }

  private void announcedLostElsewhere() {
    String id = world.readies().getFirst().containerId();
    world.live.clear();
    world.log.add(SampleEvents.lost(World.user(1), id));
  }

  @Test
  void aSandboxStaysWhileNobodyTookItsUserOver() {
    check(checks(world.sandboxLog()));
    assertThat(world.registry.get(World.user(1))).isNotNull();
    assertThat(world.reaped()).isEmpty();
  }

  @Test
  void aSandboxStaysThoughItsEntryWasRemoved() {
    world.live.clear();
    check(checks(world.sandboxLog()));
    assertThat(world.registry.get(World.user(1))).isNotNull();
    assertThat(world.live).as("its user may be another worker's").isEmpty();
  }

  @Test
  void aSandboxThatAnotherWorkerAnnouncedLostIsRemovedSilently() {
    announcedLostElsewhere();
    check(checks(world.sandboxLog()));
    assertThat(world.registry.get(World.user(1))).isNull();
    assertThat(world.engine.running(World.user(1))).isEmpty();
    assertThat(world.reaped()).hasSize(1);
  }

  @Test
  void aSandboxOfAnOwnedPartitionIsNotLookedAt() {
    state = PartitionState.OWNED;
    announcedLostElsewhere();
    check(checks(world.sandboxLog()));
    assertThat(world.registry.get(World.user(1))).isNotNull();
  }

  @Test
  void theEntryOfASandboxOfAnOwnedPartitionIsListedAgain() {
    state = PartitionState.OWNED;
    world.live.clear();
    checks(world.sandboxLog()).checkOwned();
    world.settle();
    assertThat(world.live).hasSize(1);
  }

  @Test
  void aLogThatCantBeReadEndsNothingAndIsReadAgain() {
    var readable =
        new Object() {
          boolean now;
        };
    SandboxLog log =
        new OnePartitionLog() {
          @Override
          public Entries live(
              Set<Integer> partitions, Map<String, UserId> running, boolean others) {
            if (!readable.now) {
              throw new GroupAuthorizationException("no");
            }
            return world.sandboxLog().live(partitions, running, others);
          }

          @Override
          public Announcements announced(
              Set<Integer> partitions, Map<String, UserId> containers, Instant since) {
            return world.sandboxLog().announced(partitions, containers, since);
          }
        };
    announcedLostElsewhere();
    LogChecks checks = checks(log);
    check(checks);
    assertThat(world.registry.get(World.user(1))).isNotNull();
    readable.now = true;
    check(checks);
    assertThat(world.registry.get(World.user(1))).isNull();
  }
}
