/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.EngineEvent;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.Verified;
import io.zcbot.sandbox.worker.sandbox.Capacity;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.TerminationTarget;
import io.zcbot.sandbox.worker.testkit.FakeEngine;
import io.zcbot.sandbox.worker.testkit.World;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DomainTest {
  private static final UserId ANNA = World.user(1);
  private static final UserId BEN = World.user(2);
  private static final UserId CLARA = World.user(3);

  @TempDir Path root;
  private World world;

  @BeforeEach
  void makeWorld() throws Exception {
    world = new World(root, 2, null);
  }

  private Ready ready(UserId user) throws InterruptedException {
    assertThat(world.ensure(user)).isInstanceOf(Ready.class);
    return world.readies().getLast();
  }

  private Failed failed(UserId user) throws InterruptedException {
    assertThat(world.ensure(user)).isInstanceOf(Failed.class);
    return world.failures().getLast();
  }

  @Test
  void theFirstEnsureCreatesAndTheNextReuses() throws Exception {
    Ready first = ready(ANNA);
    assertThat(first.outcome()).isEqualTo(Ready.Outcome.CREATED);
    assertThat(first.container().name()).isEqualTo("zcbot-sandbox-" + ANNA);
    assertThat(Files.isDirectory(Path.of(first.environment().workspace()))).isTrue();
    assertThat(first.environment().idleTtl()).isEqualTo(World.TTL);
    Ready second = ready(ANNA);
    assertThat(second.outcome()).isEqualTo(Ready.Outcome.REUSED);
    assertThat(second.containerId()).isEqualTo(first.containerId());
    assertThat(world.engine.creates()).isEqualTo(1);
  }

  @Test
  void anOldEnsureGetsFailedAndNoContainer() throws Exception {
    world.domain.ensurer().ensure(world.request(ANNA, Duration.ZERO));
    assertThat(world.failures())
        .singleElement()
        .extracting(Failed::reason)
        .isEqualTo(Failed.Reason.EXPIRED);
    assertThat(world.engine.everything()).isEmpty();
  }

  @Test
  void aSandboxFoundDeadIsAnnouncedWithItsExitCodeAndMadeAgain() throws Exception {
    Ready first = ready(ANNA);
    world.engine.die(first.containerId(), 42);
    Ready second = ready(ANNA);
    assertThat(second.outcome()).isEqualTo(Ready.Outcome.RECREATED);
    assertThat(world.reaped())
        .singleElement()
        .satisfies(
            reaped -> {
              assertThat(reaped.reason()).isEqualTo(Reaped.Reason.DIED);
              assertThat(reaped.containerId()).isEqualTo(first.containerId());
              assertThat(reaped.exitCode()).isEqualTo(42);
              assertThat(reaped.lastActiveAt()).isNotNull();
            });
  }

  @Test
  void anotherWorkersContainerUnderTheNameIsReplacedNotAdopted() throws Exception {
    world.engine.put(World.another("theirs", ANNA));
    Ready ready = ready(ANNA);
    assertThat(ready.outcome()).isEqualTo(Ready.Outcome.RECREATED);
    assertThat(ready.containerId()).isNotEqualTo("theirs");
    assertThat(world.reaped())
        .singleElement()
        .extracting(Reaped::reason)
        .isEqualTo(Reaped.Reason.REPLACED);
  }

  @Test
  void anotherSpecIsReplaced() {
    Sandbox known = new Sandbox(ANNA, "c1", null, 0, 0, 0, new Capacity(1).tryTake());
    Container found =
        new Container(
            "c1",
            Container.nameOf(ANNA),
            Container.State.RUNNING,
            new Container.Ownership(ANNA, null, "me", true),
            "another spec",
            Instant.EPOCH,
            null,
            false);
    assertThat(Decision.of(ANNA, known, Optional.of(new Verified(found, false))))
        .isInstanceOfSatisfying(
            Decision.Make.class,
            make ->
                assertThat(make.remains())
                    .singleElement()
                    .extracting(TerminationTarget::reason)
                    .isEqualTo(Reaped.Reason.REPLACED));
  }

  @Test
  void aStartWhoseAnswerWasLostIsNotTrustedAndNotAnnounced() throws Exception {
    world.engine.failNext(new FakeEngine.Fault("start", EngineException.Kind.UNAVAILABLE, true));
    world.engine.failNext(new FakeEngine.Fault("remove", EngineException.Kind.UNAVAILABLE, false));
    Ready ready = ready(ANNA);
    assertThat(ready.outcome()).isEqualTo(Ready.Outcome.CREATED);
    assertThat(world.engine.creates()).isEqualTo(2);
    assertThat(world.engine.everything()).hasSize(1);
    assertThat(world.reaped()).isEmpty();
  }

  @Test
  void aPermanentFailureIsAnsweredAtOnceWithItsReason() throws Exception {
    world.engine.failNext(
        new FakeEngine.Fault("create", EngineException.Kind.IMAGE_MISSING, false));
    Failed failed = failed(ANNA);
    assertThat(failed.reason()).isEqualTo(Failed.Reason.IMAGE_MISSING);
    assertThat(failed.retryable()).isFalse();
    assertThat(failed.message()).contains("create").contains("fault of the test");
    assertThat(ready(ANNA).outcome()).isEqualTo(Ready.Outcome.CREATED);
  }

  @Test
  void aFirewallFailureIsNeverReadyAndLeavesNothing() throws Exception {
    world.engine.failNext(new FakeEngine.Fault("start", EngineException.Kind.FIREWALL, true));
    assertThat(failed(ANNA).reason()).isEqualTo(Failed.Reason.FIREWALL);
    assertThat(world.engine.everything()).isEmpty();
  }

  @Test
  void aSymlinkForAWorkspaceIsRefusedAndNotFollowed() throws Exception {
    Path elsewhere = Files.createDirectory(root.resolve("elsewhere"));
    Files.createSymbolicLink(root.resolve(ANNA.toString()), elsewhere);
    var before = Files.getPosixFilePermissions(elsewhere);
    Failed failed = failed(ANNA);
    assertThat(failed.reason()).isEqualTo(Failed.Reason.WORKSPACE);
    assertThat(failed.message()).contains("symbolic link");
    assertThat(Files.getPosixFilePermissions(elsewhere)).isEqualTo(before);
    assertThat(world.engine.everything()).isEmpty();
  }

  @Test
  void aWorkspaceThatCanNotBeLimitedGetsNoSandbox() throws Exception {
    world = new World(root, 2, null, 1_000_000, 1);
    world.warmUp();
    assertThat(world.engine.everything()).as("a slot").hasSize(1);
    world.quota =
        _ -> {
          throw new IOException("tried to limit it, failed because it is not so");
        };

    Failed failed = failed(ANNA);

    assertThat(failed.reason()).isEqualTo(Failed.Reason.WORKSPACE);
    assertThat(failed.message()).contains("tried to limit it, failed because");
    assertThat(failed.retryable()).isFalse();
    assertThat(world.domain.registry().get(ANNA)).isNull();
    assertThat(world.engine.everything()).as("the slot still, and nothing else").hasSize(1);
  }

  @Test
  void aWorkspaceIsLimitedBeforeItsSandboxIsMadeAndAtEachEnsure() throws Exception {
    List<UserId> limited = new ArrayList<>();
    world.quota =
        user -> {
          assertThat(root.resolve(user.toString())).isDirectory();
          assertThat(world.engine.everything()).hasSize(limited.isEmpty() ? 0 : 1);
          limited.add(user);
        };

    ready(ANNA);
    assertThat(ready(ANNA).outcome()).isEqualTo(Ready.Outcome.REUSED);

    assertThat(limited).containsExactly(ANNA, ANNA);
  }

  @Test
  void aWorkspaceIsPrivateToTheSandboxUser() throws Exception {
    Path workspace = Path.of(ready(ANNA).environment().workspace());
    assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(workspace)))
        .isEqualTo("rwx------");
    assertThat(Files.getAttribute(workspace, "unix:uid")).isEqualTo(1000);
  }

  @Test
  void anIdleSandboxIsReapedOnceTheTtlIsOver() throws Exception {
    ready(ANNA);
    world.advance(World.TTL.minusSeconds(1));
    world.readAll();
    world.tick();
    assertThat(world.reaped()).isEmpty();
    world.advance(Duration.ofSeconds(1));
    world.readAll();
    world.tick();
    assertThat(world.reaped())
        .singleElement()
        .extracting(Reaped::reason)
        .isEqualTo(Reaped.Reason.IDLE);
    assertThat(world.engine.everything()).isEmpty();
  }

  @Test
  void nobodyIsReapedBeyondWhatWasRead() throws Exception {
    ready(ANNA);
    world.readAll();
    world.advance(World.TTL.multipliedBy(10));
    world.tick();
    assertThat(world.reaped()).isEmpty();
    world.horizon = null;
    world.tick();
    assertThat(world.reaped()).isEmpty();
  }

  @Test
  void activityKeepsASandboxAlive() throws Exception {
    ready(ANNA);
    world.advance(World.TTL.minusSeconds(10));
    world.domain.registry().touch(ANNA, world.now);
    world.advance(Duration.ofSeconds(20));
    world.readAll();
    world.tick();
    assertThat(world.reaped()).isEmpty();
  }

  @Test
  void aRunningCommandIsActivity() throws Exception {
    String id = ready(ANNA).containerId();
    world.engine.exec(id, true);
    for (int i = 0; i < 3; i++) {
      world.advance(World.TTL);
      world.readAll();
      world.tick();
    }
    assertThat(world.reaped()).isEmpty();
    world.engine.exec(id, false);
    world.advance(World.TTL);
    world.readAll();
    world.tick();
    assertThat(world.reaped()).hasSize(1);
  }

  @Test
  void aReapThatTheEngineRefusesIsTriedAgainAndAnnouncedOnce() throws Exception {
    ready(ANNA);
    world.advance(World.TTL);
    world.readAll();
    world.engine.failNext(new FakeEngine.Fault("remove", EngineException.Kind.TRANSIENT, false));
    world.tick();
    assertThat(world.reaped()).hasSize(1);
    assertThat(world.engine.running(ANNA)).isEmpty();
    world.domain.reconciler().reconcile();
    world.settle();
    assertThat(world.reaped()).hasSize(1);
    assertThat(world.engine.everything()).isEmpty();
  }

  @Test
  void aFullHostEvictsTheOneUnusedForLongest() throws Exception {
    ready(ANNA);
    world.advance(Duration.ofSeconds(10));
    ready(BEN);
    world.advance(World.EVICT_AFTER.plusSeconds(1));
    world.readAll();
    Thread settling = settleInBackground();
    assertThat(ready(CLARA).outcome()).isEqualTo(Ready.Outcome.CREATED);
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
    ready(ANNA);
    ready(BEN);
    world.readAll();
    Failed failed = failed(CLARA);
    assertThat(failed.reason()).isEqualTo(Failed.Reason.CAPACITY);
    assertThat(failed.retryable()).isTrue();
    // The place is not lost: when one goes, the next ensure is met.
    world.advance(World.TTL);
    world.readAll();
    world.tick();
    assertThat(ready(CLARA).outcome()).isEqualTo(Ready.Outcome.CREATED);
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

  @Test
  void theMaximumLifetimeEndsEvenABusySandbox() throws Exception {
    world = new World(root, 2, Duration.ofHours(1));
    String id = ready(ANNA).containerId();
    world.engine.exec(id, true);
    world.advance(Duration.ofHours(1));
    world.domain.registry().touch(ANNA, world.now);
    world.tick();
    assertThat(world.reaped())
        .singleElement()
        .extracting(Reaped::reason)
        .isEqualTo(Reaped.Reason.LIFETIME);
  }

  @Test
  void thePurgeTakesThisWorkersContainersAndNoOthers() throws Exception {
    ready(ANNA);
    world.engine.put(
        new Container(
            "theirs",
            Container.nameOf(BEN),
            Container.State.RUNNING,
            new Container.Ownership(BEN, null, "other", false),
            World.SPEC.hash(),
            Instant.EPOCH,
            null,
            false));
    world.restart();
    assertThat(world.engine.everything()).extracting(Container::id).containsExactly("theirs");
    assertThat(world.reaped())
        .singleElement()
        .extracting(Reaped::reason)
        .isEqualTo(Reaped.Reason.PURGED);
  }

  @Test
  void removalByHandIsAnnouncedWithTheExitCodeOfTheEvent() throws Exception {
    Ready ready = ready(ANNA);
    Container container = world.engine.everything().getFirst();
    world.engine.removeByHand(ready.containerId());
    world
        .domain
        .reconciler()
        .on(
            new EngineEvent(
                EngineEvent.Kind.DIED, container.user(), container.id(), Instant.EPOCH, 137));
    world.settle();
    assertThat(world.reaped())
        .singleElement()
        .satisfies(
            reaped -> {
              assertThat(reaped.reason()).isEqualTo(Reaped.Reason.DIED);
              assertThat(reaped.exitCode()).isEqualTo(137);
            });
  }

  @Test
  void aDeathUnseenIsFoundByReconciliation() throws Exception {
    world.engine.die(ready(ANNA).containerId(), 3);
    world.domain.reconciler().reconcile();
    world.settle();
    assertThat(world.reaped()).singleElement().extracting(Reaped::exitCode).isEqualTo(3);
  }

  @Test
  void aPausedOrRenamedSandboxIsEnded() throws Exception {
    world.engine.state(ready(ANNA).containerId(), Container.State.PAUSED);
    world.engine.renameByHand(ready(BEN).containerId(), "elsewhere");
    world.domain.reconciler().reconcile();
    world.settle();
    assertThat(world.reaped())
        .extracting(Reaped::reason)
        .containsExactly(Reaped.Reason.DIED, Reaped.Reason.DIED);
    assertThat(world.engine.everything()).isEmpty();
  }

  private static LiveSandbox live(UserId user, String containerId, String worker) {
    return new LiveSandbox(user, containerId, "host of " + worker, worker, Instant.EPOCH);
  }

  @Test
  void whatOthersAnnouncedLostMeanwhileGoesSilentlyAndIsNotReused() throws Exception {
    String lost = ready(ANNA).containerId();
    String kept = ready(BEN).containerId();
    var disowned = world.domain.takeover().disown(Set.of(0), Set.of(kept));
    var elsewhere = world.domain.takeover().disown(Set.of(1), Set.of());
    world.settle();
    assertThat(disowned).isCompleted();
    assertThat(elsewhere).isCompleted();
    assertThat(world.reaped()).isEmpty();
    assertThat(world.engine.running(ANNA)).isEmpty();
    assertThat(world.engine.running(BEN)).hasSize(1);
    assertThat(ready(ANNA).containerId()).isNotEqualTo(lost);
  }

  @Test
  void aTakeoverAnnouncesWhatWentWithItsHostAndNothingElse() throws Exception {
    String here = ready(ANNA).containerId();
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

  @Test
  void theLiveTableHasWhatIsAnnouncedReadyAndNotReaped() throws Exception {
    String id = ready(ANNA).containerId();
    assertThat(world.live).containsOnlyKeys(id);
    ready(ANNA);
    assertThat(world.live).containsOnlyKeys(id);
    world.advance(World.TTL);
    world.readAll();
    world.tick();
    assertThat(world.live).isEmpty();
  }

  @Test
  void aLeftoverAnnouncedByTheNewOwnerIsPurgedWithoutAnotherAnnouncement() throws Exception {
    ready(ANNA);
    world.live.clear();
    world.restart();
    assertThat(world.engine.everything()).isEmpty();
    assertThat(world.reaped()).isEmpty();
  }

  private int adopt() throws Exception {
    Map<String, LiveSandbox> live = Map.copyOf(world.live);
    world.reboot();
    return world.domain.previousRun().adopt(live, _ -> 0, world.now - World.TTL.toNanos());
  }

  @Test
  void anAdoptedSandboxIsReusedWithoutAWord() throws Exception {
    String id = ready(ANNA).containerId();
    assertThat(adopt()).isEqualTo(1);
    Ready again = ready(ANNA);
    assertThat(again.outcome()).isEqualTo(Ready.Outcome.REUSED);
    assertThat(again.containerId()).isEqualTo(id);
    assertThat(world.reaped()).isEmpty();
  }

  @Test
  void anAdoptedSandboxUnusedSinceTheTtlIsIdleOnceTheLogIsRead() throws Exception {
    ready(ANNA);
    adopt();
    world.horizon = null;
    world.tick();
    assertThat(world.reaped()).isEmpty();
    world.readAll();
    world.tick();
    assertThat(world.reaped())
        .singleElement()
        .extracting(Reaped::reason)
        .isEqualTo(Reaped.Reason.IDLE);
  }

  @Test
  void whatDiedOrWasStartedAnewMeanwhileIsNotAdopted() throws Exception {
    world.engine.die(ready(ANNA).containerId(), 1);
    String restarted = ready(BEN).containerId();
    Container c = world.engine.find(restarted).orElseThrow();
    world.engine.put(
        new Container(
            c.id(),
            c.name(),
            c.state(),
            c.ownership(),
            c.specHash(),
            Instant.EPOCH.plus(Duration.ofDays(1)),
            null,
            false));
    assertThat(adopt()).isZero();
    assertThat(world.engine.everything()).isEmpty();
    assertThat(world.reaped())
        .extracting(Reaped::reason)
        .containsExactly(Reaped.Reason.PURGED, Reaped.Reason.PURGED);
  }

  @Test
  void whatCanNotBeLimitedIsNotAdopted() throws Exception {
    ready(ANNA);
    ready(BEN);
    world.quota =
        user -> {
          if (user.equals(ANNA)) {
            throw new IOException("no");
          }
        };
    assertThat(adopt()).isEqualTo(1);
    assertThat(world.reaped())
        .singleElement()
        .satisfies(
            reaped -> {
              assertThat(reaped.userId()).isEqualTo(ANNA);
              assertThat(reaped.reason()).isEqualTo(Reaped.Reason.PURGED);
            });
  }

  @Test
  void whatTheNewOwnerAnnouncedLostIsNotAdoptedButRemovedSilently() throws Exception {
    ready(ANNA);
    world.live.clear();
    assertThat(adopt()).isZero();
    assertThat(world.engine.everything()).isEmpty();
    assertThat(world.reaped()).isEmpty();
  }

  /** A request whose user becomes another worker's after so many looks. */
  private EnsureRequest losing(World world, int passes) {
    EnsureRequest request = world.request(ANNA);
    AtomicInteger left = new AtomicInteger(passes);
    return new EnsureRequest(
        request.ensure(),
        0,
        request.arrived(),
        request.deadline(),
        () -> {
          if (left.getAndDecrement() <= 0) {
            throw new InterruptedException("another worker's by now");
          }
        });
  }

  /** Whatever it was at: the user's next worker may be making another already. */
  @ParameterizedTest
  @CsvSource({"0, 0", "1, 0", "2, 1"})
  void whoLostThePartitionMakesNothingMoreAndLeavesNothing(int passes, int creates)
      throws Exception {
    assertThatThrownBy(() -> world.domain.ensurer().ensure(losing(world, passes)))
        .isInstanceOf(InterruptedException.class);
    assertThat(world.engine.creates()).isEqualTo(creates);
    assertThat(world.engine.everything()).isEmpty();
    assertThat(world.log).isEmpty();
    assertThat(world.live).isEmpty();
    assertThat(world.domain.capacity().taken()).isZero();
  }

  @Test
  void whoLostThePartitionTriesNothingAgain() throws Exception {
    world.engine.failNext(new FakeEngine.Fault("create", EngineException.Kind.TRANSIENT, false));
    assertThatThrownBy(() -> world.domain.ensurer().ensure(losing(world, 2)))
        .isInstanceOf(InterruptedException.class);
    assertThat(world.engine.everything()).isEmpty();
    assertThat(world.log).isEmpty();
  }

  @Test
  void whoLostThePartitionKeepsNoClaimedSlot() throws Exception {
    World warm = new World(root.resolve("warm"), 10, null, 1_000_000, 1);
    warm.warmUp();
    assertThatThrownBy(() -> warm.domain.ensurer().ensure(losing(warm, 1)))
        .isInstanceOf(InterruptedException.class);
    assertThat(warm.engine.everything()).isEmpty();
    assertThat(warm.mounts.left()).isEmpty();
    assertThat(warm.log).isEmpty();
    assertThat(warm.domain.capacity().taken()).isZero();
  }

  /** Once the live table has it, what clears up for others does. */
  @Test
  void whoLostThePartitionBeforeTheAnswerAnnouncesNothing() throws Exception {
    assertThatThrownBy(() -> world.domain.ensurer().ensure(losing(world, 3)))
        .isInstanceOf(InterruptedException.class);
    var gone = world.domain.reaper().reapAll(null, _ -> true, List.of(ANNA));
    world.settle();
    assertThat(gone).isCompleted();
    assertThat(world.log).isEmpty();
    assertThat(world.engine.everything()).isEmpty();
    assertThat(world.domain.registry().size()).isZero();
  }

  /** A stop interrupts a start at the engine, and nobody may come back to clear up. */
  @Test
  void anInterruptedStartLeavesNothing() throws Exception {
    world.engine.interruptNext("start");
    try {
      assertThatThrownBy(() -> world.domain.ensurer().ensure(world.request(ANNA)))
          .isInstanceOf(InterruptedException.class);
    } finally {
      boolean _ = Thread.interrupted();
    }
    assertThat(world.engine.everything()).isEmpty();
    assertThat(world.log).isEmpty();
  }

  @Test
  void aSandboxWhoseLimitsSomebodyChangedIsReplaced() throws Exception {
    String changed = ready(ANNA).containerId();
    world.engine.change(changed);
    Ready again = ready(ANNA);
    assertThat(again.outcome()).isEqualTo(Ready.Outcome.RECREATED);
    assertThat(again.containerId()).isNotEqualTo(changed);
    assertThat(world.reaped())
        .singleElement()
        .satisfies(
            reaped -> {
              assertThat(reaped.containerId()).isEqualTo(changed);
              assertThat(reaped.reason()).isEqualTo(Reaped.Reason.REPLACED);
            });
    assertThat(world.engine.everything()).hasSize(1);
  }

  @Test
  void aSandboxWhoseLimitsSomebodyChangedIsNotAdopted() throws Exception {
    world.engine.change(ready(ANNA).containerId());
    assertThat(adopt()).isZero();
    assertThat(world.engine.everything()).isEmpty();
  }
}
