/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.CurrentSandbox;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Deadline;
import io.zcbot.sandbox.worker.ensure.EnsureRequest;
import io.zcbot.sandbox.worker.sandbox.Announcements;
import io.zcbot.sandbox.worker.sandbox.Fence;
import io.zcbot.sandbox.worker.sandbox.Ownership;
import io.zcbot.sandbox.worker.sandbox.SandboxLog;
import io.zcbot.sandbox.worker.testkit.FakeOwnership;
import io.zcbot.sandbox.worker.testkit.FakeOwnership.State;
import io.zcbot.sandbox.worker.testkit.FakeSandboxLog;
import io.zcbot.sandbox.worker.testkit.InAWorld;
import io.zcbot.sandbox.worker.testkit.OnePartitionLog;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import io.zcbot.sandbox.worker.testkit.World;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class TakeoverTest extends InAWorld {
  private static LiveSandbox live(UserId user, String containerId, String worker) {
    return new LiveSandbox(user, containerId, "host of " + worker, worker, Instant.EPOCH);
  }

  private CompletableFuture<List<LiveSandbox>> settle(SandboxLog log, Ownership ownership) {
    var settled =
        world.domain.takeover().settle(world.comparison(log).of(Set.of(0), true), ownership);
    world.settle();
    return settled;
  }

  private CompletableFuture<List<LiveSandbox>> settle() {
    return settle(world.sandboxLog(), new FakeOwnership(State.OWNED));
  }

  private static Ready readyOf(UserId user, String containerId, String worker) {
    return SampleEvents.ready(
        user,
        "ensure",
        Instant.EPOCH,
        new ContainerRef("name", containerId, "host of " + worker, worker),
        Ready.Outcome.CREATED,
        1);
  }

  private static Reaped lostOf(Ready ready) {
    return SampleEvents.lost(ready.userId(), ready.containerId());
  }

  /** A sandbox that was announced ready elsewhere, according to the log and the live table. */
  private void elsewhere(UserId user, String containerId) {
    world.log.add(readyOf(user, containerId, "dead-worker"));
    world.live.put(containerId, live(user, containerId, "dead-worker"));
  }

  @Test
  void whatOthersAnnouncedLostMeanwhileGoesSilentlyAndIsNotReused() throws Exception {
    Ready lost = world.ready(ANNA);
    world.ready(BEN);
    world.log.add(lostOf(lost));
    world.live.remove(lost.containerId());
    assertThat(settle()).isCompleted();
    assertThat(world.reaped()).hasSize(1);
    assertThat(world.engine.running(ANNA)).isEmpty();
    assertThat(world.engine.running(BEN)).hasSize(1);
    assertThat(world.ready(ANNA).containerId()).isNotEqualTo(lost.containerId());
  }

  /** By a worker that lost the user before it removed the entry. */
  @Test
  void aListedSandboxThatOthersAnnouncedLostGoesSilentlyWithItsEntries() throws Exception {
    Ready lost = world.ready(ANNA);
    world.ready(BEN);
    world.log.add(lostOf(lost));
    assertThat(settle()).isCompleted();
    assertThat(world.reaped()).hasSize(1);
    assertThat(world.engine.running(ANNA)).isEmpty();
    assertThat(world.live).hasSize(1);
    assertThat(world.current).containsOnlyKeys(BEN);
    assertThat(world.ready(ANNA).containerId()).isNotEqualTo(lost.containerId());
  }

  /** Until then, its user's partition was this worker's. */
  @Test
  void whatOthersAnnouncedOfAListedSandboxIsReadFromItsLastReadyOn() throws Exception {
    var _ = world.ready(ANNA);
    world.advance(Duration.ofHours(50));
    Ready last = world.ready(ANNA);
    world.advance(Duration.ofMinutes(1));
    List<Instant> read = new ArrayList<>();
    SandboxLog log =
        new OnePartitionLog() {
          @Override
          public Entries live(
              Set<Integer> partitions, Map<String, UserId> running, boolean others) {
            return world.sandboxLog().live(partitions, running, others);
          }

          @Override
          public Announcements announced(
              Set<Integer> partitions, Map<String, UserId> containers, Instant since) {
            read.add(since);
            return world.sandboxLog().announced(partitions, containers, since);
          }
        };
    settle(log, new FakeOwnership(State.OWNED)).join();
    assertThat(read).containsExactly(last.readyAt());
  }

  @Test
  void aTakeoverAnnouncesWhatWentWithItsHostAndNothingElse() throws Exception {
    world.ready(ANNA);
    elsewhere(BEN, "gone");
    var taken = settle();
    assertThat(taken.join()).extracting(LiveSandbox::userId).containsExactly(BEN);
    assertThat(world.reaped())
        .singleElement()
        .satisfies(
            reaped -> {
              assertThat(reaped.reason()).isEqualTo(Reaped.Reason.LOST);
              assertThat(reaped.containerId()).isEqualTo("gone");
              assertThat(reaped.container().host()).isEqualTo("host of dead-worker");
            });
    assertThat(world.live).doesNotContainKey("gone");
    assertThat(world.engine.running(ANNA)).hasSize(1);
  }

  private Deadline inASecond() {
    return Deadline.in(Duration.ofSeconds(1), world.time());
  }

  @Test
  void aSandboxThatIsBeingAnnouncedGoesOn() throws Exception {
    AtomicReference<LogComparison.Differences> compared = new AtomicReference<>();
    Fence slow =
        () -> {
          if (!world.live.isEmpty()) {
            compared.set(world.comparison(world.sandboxLog()).of(Set.of(0), true));
          }
        };
    Ensure ensure = new Ensure("e", ANNA, Instant.EPOCH, null, null, null);
    world.domain.ensurer().ensure(new EnsureRequest(ensure, 0, world.now, inASecond(), slow));
    var _ = world.domain.takeover().settle(compared.get(), new FakeOwnership(State.OWNED));
    world.settle();
    assertThat(world.engine.running(ANNA)).hasSize(1);
    assertThat(world.reaped()).isEmpty();
    assertThat(world.live).hasSize(1);
  }

  @Test
  void whoeverLostAUserLeavesTheEntriesToTheNextOwner() throws Exception {
    Ready mine = world.ready(ANNA);
    Ready ofTheNextOwner = readyOf(ANNA, "next", "next-owner");
    world.current.put(ANNA, CurrentSandbox.of(ofTheNextOwner));
    world.isAnothers = ANNA::equals;
    world.advance(World.TTL.plusSeconds(1));
    world.readAll();
    world.tick();
    assertThat(world.reaped())
        .singleElement()
        .extracting(Reaped::containerId)
        .isEqualTo(mine.containerId());
    assertThat(world.engine.running(ANNA)).isEmpty();
    assertThat(world.current.get(ANNA)).isEqualTo(CurrentSandbox.of(ofTheNextOwner));
    assertThat(world.live).containsOnlyKeys(mine.containerId());
  }

  @Test
  void theNextOwnerRemovesTheUserFromBothTables() throws Exception {
    world.ready(ANNA);
    world.isAnothers = ANNA::equals;
    world.advance(World.TTL.plusSeconds(1));
    world.readAll();
    world.tick();
    world.isAnothers = _ -> false;
    assertThat(settle()).isCompleted();
    assertThat(world.reaped()).hasSize(1);
    assertThat(world.current).isEmpty();
    assertThat(world.live).isEmpty();
  }

  @Test
  void aForgedTombstoneEndsNothingAndTheEntryIsWrittenAgain() throws Exception {
    String id = world.ready(ANNA).containerId();
    world.live.clear();
    assertThat(settle()).isCompleted();
    assertThat(world.engine.running(ANNA)).hasSize(1);
    assertThat(world.reaped()).isEmpty();
    assertThat(world.live).containsKey(id);
  }

  @Test
  void aForgedEntryIsRemovedAndAnnouncesNothing() throws Exception {
    world.ready(ANNA);
    world.live.put("forged 1", live(ANNA, "forged 1", "nobody"));
    world.live.put("forged 2", live(BEN, "forged 2", "nobody"));
    assertThat(settle().join()).isEmpty();
    assertThat(world.reaped()).isEmpty();
    assertThat(world.live).doesNotContainKeys("forged 1", "forged 2");
    assertThat(world.engine.running(ANNA)).hasSize(1);
  }

  @Test
  void whatWasAnnouncedReapedAlreadyIsNotAnnouncedAgain() {
    elsewhere(BEN, "gone");
    world.log.add(lostOf(readyOf(BEN, "gone", "dead-worker")));
    assertThat(settle().join()).isEmpty();
    assertThat(world.reaped()).hasSize(1);
    assertThat(world.live).isEmpty();
  }

  @Test
  void aSandboxWhoseUserAnotherWorkerServedSinceEndsAndIsAnnounced() throws Exception {
    world.ready(ANNA);
    world.live.clear();
    world.log.add(readyOf(ANNA, "another's", "another"));
    assertThat(settle()).isCompleted();
    assertThat(world.engine.running(ANNA)).isEmpty();
    assertThat(world.reaped())
        .singleElement()
        .extracting(Reaped::reason)
        .isEqualTo(Reaped.Reason.MOVED);
  }

  @Test
  void aReadThatOutlivesItsAssignmentAnnouncesNothing() throws Exception {
    elsewhere(BEN, "gone");
    assertThat(settle(world.sandboxLog(), Ownership.NONE).join()).isEmpty();
    assertThat(world.reaped()).isEmpty();
    assertThat(world.live).as("left to the next owner").containsKey("gone");
  }

  /** Its next owner may run the sandbox: a worker that was cut off and is back. */
  @Test
  void aLossThatTheLogDoesNotTakeIsNotAnnouncedOnceThePartitionIsAnothers() {
    elsewhere(BEN, "gone");
    FakeOwnership ownership = new FakeOwnership(State.OWNED);
    world.firstTryFailed = () -> ownership.state = State.LOST;
    assertThat(settle(world.sandboxLog(), ownership).join()).isEmpty();
    assertThat(world.reaped()).isEmpty();
    assertThat(world.live).as("left to the next owner").containsKey("gone");
  }

  @Test
  void aSandboxMadeWhileTheLogWasReadIsInNoDifference() throws Exception {
    var differences =
        world
            .comparison(
                new OnePartitionLog() {
                  @Override
                  public Entries live(
                      Set<Integer> partitions, Map<String, UserId> running, boolean others) {
                    try {
                      world.ready(ANNA);
                    } catch (Exception e) {
                      throw new AssertionError(e);
                    }
                    return new Entries(Map.of(), List.of(), true);
                  }

                  @Override
                  public Announcements announced(
                      Set<Integer> partitions, Map<String, UserId> containers, Instant since) {
                    return new Announcements(containers);
                  }
                })
            .of(Set.of(0), true);
    assertThat(world.domain.takeover().settle(differences, new FakeOwnership(State.OWNED)))
        .isCompleted();
    assertThat(world.engine.running(ANNA)).hasSize(1);
    assertThat(world.live).hasSize(1);
  }

  @Test
  void moreEntriesThanFitAreTakenOverInRounds() {
    for (int i = 10; i < 60; i++) {
      elsewhere(World.user(i), "gone " + i);
    }
    int rounds = 0;
    boolean complete = false;
    while (!complete) {
      var differences =
          world.comparison(new FakeSandboxLog(world.live, world.log, 20)).of(Set.of(0), true);
      var settled = world.domain.takeover().settle(differences, new FakeOwnership(State.OWNED));
      world.settle();
      assertThat(settled).isCompleted();
      complete = differences.isComplete();
      rounds++;
    }
    assertThat(rounds).isEqualTo(3);
    assertThat(world.reaped()).hasSize(50);
    assertThat(world.live).isEmpty();
  }
}
