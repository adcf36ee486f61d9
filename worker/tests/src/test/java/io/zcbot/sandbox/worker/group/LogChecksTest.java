/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.group;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.CurrentSandbox;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.publish.StartRetry;
import io.zcbot.sandbox.worker.sandbox.Announcements;
import io.zcbot.sandbox.worker.sandbox.Ownership;
import io.zcbot.sandbox.worker.sandbox.SandboxLog;
import io.zcbot.sandbox.worker.testkit.FakeOwnership;
import io.zcbot.sandbox.worker.testkit.FakeOwnership.State;
import io.zcbot.sandbox.worker.testkit.OnePartitionLog;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import io.zcbot.sandbox.worker.testkit.World;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.Executor;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.errors.GroupAuthorizationException;
import org.apache.kafka.common.errors.TimeoutException;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * A worker does not end a sandbox because it is out of the group, but because another worker took
 * the sandbox over.
 */
class LogChecksTest {
  @TempDir Path root;
  private World world;
  private int withoutLeader = -1;
  private final FakeOwnership ownership = new FakeOwnership(State.LOST);

  @BeforeEach
  void aSandboxOfAPartitionThatWasLost() throws Exception {
    world = new World(root, 10, null);
    var _ = world.ready(World.user(1));
  }

  private LogChecks checks(SandboxLog log) {
    return checks(log, Map.of(0, ownership, 3, ownership, 4, ownership), Runnable::run);
  }

  private LogChecks checks(SandboxLog log, Map<Integer, Ownership> ownerships, Executor threads) {
    LogReading reading =
        new LogReading(
            world.comparison(log),
            new PartitionReading(
                new AnsweringLeaders(number -> number != withoutLeader), List.of("sandbox.live")),
            new StartRetry(() -> false));
    LogChecks checks = new LogChecks(reading, world.domain.takeover(), threads);
    checks.assigned(ownerships);
    return checks;
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

  /** By its age it was younger than that announcement, and ran on beside its user's next one. */
  @Test
  void aSandboxThatAnotherWorkerAnnouncedLostWhileThisMachineSleptIsRemovedSilently() {
    Instant ready = world.readies().getFirst().readyAt();
    announcedLostElsewhere();
    world.slept = Duration.ofHours(1);
    check(
        checks(
            new ForwardedLog() {
              @Override
              public Announcements announced(
                  Set<Integer> partitions, Map<String, UserId> containers, Instant since) {
                return since.isAfter(ready)
                    ? new Announcements(containers)
                    : super.announced(partitions, containers, since);
              }
            }));
    assertThat(world.registry.get(World.user(1))).isNull();
    assertThat(world.engine.running(World.user(1))).isEmpty();
    assertThat(world.reaped()).hasSize(1);
  }

  @Test
  void aSandboxOfAnOwnedPartitionIsNotLookedAt() {
    ownership.state = State.OWNED;
    announcedLostElsewhere();
    check(checks(world.sandboxLog()));
    assertThat(world.registry.get(World.user(1))).isNotNull();
  }

  @Test
  void theEntryOfASandboxOfAnOwnedPartitionIsListedAgain() {
    ownership.state = State.OWNED;
    world.live.clear();
    checks(world.sandboxLog()).checkOwned();
    world.settle();
    assertThat(world.live).hasSize(1);
  }

  /** Written by a worker that was suspended when it lost the partition. */
  private LiveSandbox cameLate(UserId user, String workerId) {
    LiveSandbox late = new LiveSandbox(user, "late", "another host", workerId, Instant.EPOCH);
    world.live.put("late", late);
    return late;
  }

  private LiveSandbox cameLate(String workerId) {
    return cameLate(World.user(2), workerId);
  }

  private void announcedReady(LiveSandbox late) {
    world.log.add(
        SampleEvents.ready(
            late.userId(),
            "ensure",
            Instant.EPOCH,
            new ContainerRef("name", late.containerId(), late.host(), late.workerId()),
            Ready.Outcome.CREATED,
            1));
  }

  private void checkOwned() {
    ownership.state = State.OWNED;
    checks(world.sandboxLog()).checkOwned();
    world.settle();
  }

  @Test
  void anEntryOfAFormerOwnerThatCameLateIsRemoved() {
    cameLate("another");
    checkOwned();
    assertThat(world.live).doesNotContainKey("late").hasSize(1);
    assertThat(world.reaped()).isEmpty();
  }

  @Test
  void aSandboxOfAFormerOwnerWhoseReadyCameLateIsAnnouncedLost() {
    announcedReady(cameLate("another"));
    checkOwned();
    assertLateIsLost();
  }

  private void assertLateIsLost() {
    assertThat(world.live).doesNotContainKey("late");
    assertThat(world.reaped())
        .singleElement()
        .satisfies(reaped -> assertThat(reaped.reason()).isEqualTo(Reaped.Reason.LOST));
  }

  /** Services that looked its user up found no sandbox, until the next one was created. */
  @Test
  void theEndOfAFormerOwnersLateSandboxLeavesTheRunningOneCurrent() {
    UserId user = World.user(1);
    CurrentSandbox running = Objects.requireNonNull(world.current.get(user));
    announcedReady(cameLate(user, "another"));
    checkOwned();
    assertLateIsLost();
    assertThat(world.current).containsEntry(user, running);
  }

  /** The lane of its user is about to announce its end, or removes the entry. */
  @Test
  void anEntryOfThisWorkerIsLeftToItsLane() {
    cameLate(World.ME.workerId());
    checkOwned();
    assertThat(world.live).containsKey("late");
  }

  @Test
  void entriesOfPartitionsThatAreNotOwnedAreLeftAlone() {
    cameLate("another");
    checks(world.sandboxLog()).checkOwned();
    world.settle();
    assertThat(world.live).containsKey("late");
  }

  @Test
  void entriesAreLeftAloneAfterTheAssignmentInWhichTheyWereRead() {
    cameLate("another");
    ownership.state = State.OWNED;
    LogChecks checks = checks(world.sandboxLog());
    checks.checkOwned();
    ownership.state = State.LOST;
    world.settle();
    assertThat(world.live).containsKey("late");
  }

  @Test
  void whatWasReadInOneAssignmentIsNotActedOnInTheNext() {
    cameLate("another");
    ownership.state = State.OWNED;
    LogChecks checks = checks(world.sandboxLog());
    checks.checkOwned();
    ownership.state = State.LOST;
    checks.assigned(Map.of(0, new FakeOwnership(State.OWNED)));
    world.settle();
    assertThat(world.live).containsKey("late");
  }

  @Test
  void whatIsBeingTakenOverIsLeftToTheTakeover() {
    cameLate("another");
    ownership.state = State.TAKING_OVER;
    LogChecks checks = checks(world.sandboxLog());
    checks.checkOwned();
    checks.checkUnowned();
    world.settle();
    assertThat(world.live).containsKey("late");
  }

  @Test
  void aLogThatCantBeReadEndsNothingAndIsReadAgain() {
    var readable =
        new Object() {
          boolean now;
        };
    SandboxLog log =
        new ForwardedLog() {
          @Override
          public Entries live(
              Set<Integer> partitions, Map<String, UserId> running, boolean others) {
            if (!readable.now) {
              throw new GroupAuthorizationException("no");
            }
            return super.live(partitions, running, others);
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

  /** The world's log. */
  private class ForwardedLog implements OnePartitionLog {
    @Override
    public Entries live(Set<Integer> partitions, Map<String, UserId> running, boolean others) {
      return world.sandboxLog().live(partitions, running, others);
    }

    @Override
    public Announcements announced(
        Set<Integer> partitions, Map<String, UserId> containers, Instant since) {
      return world.sandboxLog().announced(partitions, containers, since);
    }
  }

  /** That would be read every few seconds, though the next takeover finds what they say. */
  @Test
  void noAnnouncementsAreReadForSandboxesThatHaveTheirEntries() {
    SandboxLog log =
        new ForwardedLog() {
          @Override
          public Announcements announced(
              Set<Integer> partitions, Map<String, UserId> containers, Instant since) {
            throw new AssertionError("announcements of " + containers.keySet());
          }
        };
    check(checks(log));
    ownership.state = State.OWNED;
    checks(log).checkOwned();
    world.settle();
    assertThat(world.live).hasSize(1);
  }

  /** A log in which one partition has no leader. */
  private SandboxLog unreached(int partition) {
    withoutLeader = partition;
    return failing(partition, new TimeoutException("no leader"));
  }

  /** A log in which one partition can't be read. */
  private SandboxLog failing(int partition, KafkaException failure) {
    return new ForwardedLog() {
      @Override
      public Entries live(Set<Integer> partitions, Map<String, UserId> running, boolean others) {
        if (partitions.contains(partition)) {
          throw failure;
        }
        return super.live(partitions, running, others);
      }
    };
  }

  private void inPartition(int user, int partition) throws Exception {
    if (world.registry.get(World.user(user)) == null) {
      var _ = world.ready(World.user(user));
    }
    Objects.requireNonNull(world.registry.get(World.user(user))).partition(partition);
  }

  /** As long as its leader was away, what others had taken over ran on beside their sandboxes. */
  @Test
  void aPartitionThatIsNotReachedKeepsNoOtherFromBeingCompared() throws Exception {
    inPartition(1, 4);
    inPartition(2, 3);
    announcedLostElsewhere();
    check(checks(unreached(3)));
    assertThat(world.registry.get(World.user(1))).isNull();
    assertThat(world.registry.get(World.user(2))).isNotNull();
  }

  @Test
  void aPartitionWhoseLogIsDamagedKeepsNoOtherFromBeingCompared() throws Exception {
    inPartition(1, 4);
    inPartition(2, 3);
    announcedLostElsewhere();
    check(checks(failing(3, new KafkaException("Record batch at offset 7 is invalid"))));
    assertThat(world.registry.get(World.user(1))).isNull();
    assertThat(world.registry.get(World.user(2))).isNotNull();
  }

  @Test
  void whatIsNotOwnedAndNotReachedKeepsNothingOwnedFromBeingListedAgain() throws Exception {
    inPartition(1, 4);
    inPartition(2, 3);
    world.live.clear();
    Queue<Runnable> tasks = new ArrayDeque<>();
    LogChecks checks =
        checks(world.sandboxLog(), Map.of(4, new FakeOwnership(State.OWNED)), tasks::add);
    checks.checkUnowned();
    checks.checkUnowned();
    checks.checkOwned();
    assertThat(tasks).as("one of each kind at a time").hasSize(2);
    tasks.forEach(Runnable::run);
    world.settle();
    assertThat(world.live).hasSize(1);
  }

  /** Its user's next sandbox would not end this one if another worker's entry were written over. */
  @Test
  void aPartitionThatGoesWhileOthersAreComparedIsNotListedAgain() throws Exception {
    inPartition(1, 4);
    inPartition(2, 3);
    world.live.clear();
    ownership.state = State.OWNED;
    FakeOwnership going = new FakeOwnership(State.OWNED);
    SandboxLog log = unreached(3);
    SandboxLog whileItGoes =
        new ForwardedLog() {
          @Override
          public Entries live(
              Set<Integer> partitions, Map<String, UserId> running, boolean others) {
            going.state = State.LOST;
            return log.live(partitions, running, others);
          }
        };
    checks(whileItGoes, Map.of(3, ownership, 4, going), Runnable::run).checkOwned();
    world.settle();
    assertThat(world.live).isEmpty();
  }
}
