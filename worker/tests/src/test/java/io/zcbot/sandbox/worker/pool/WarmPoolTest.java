/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.pool;

import static io.zcbot.sandbox.worker.testkit.World.user;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.EngineEvent;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.engine.ProfileEngines;
import io.zcbot.sandbox.worker.sandbox.Capacity;
import io.zcbot.sandbox.worker.sandbox.CreateTurns;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.spec.Profile;
import io.zcbot.sandbox.worker.spec.Profiles;
import io.zcbot.sandbox.worker.spec.Warm;
import io.zcbot.sandbox.worker.testkit.EngineFaults;
import io.zcbot.sandbox.worker.testkit.World;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WarmPoolTest {
  private static final UserId ANNA = user(1);
  private static final UserId BEN = user(2);

  @TempDir Path root;
  private World world;

  @BeforeEach
  void twoSlots() throws Exception {
    world = new World(root, 10, null, 1_000_000, 2);
    world.warmUp();
  }

  private Ready ready(UserId user) throws FencedException, InterruptedException {
    return (Ready) world.ensure(user);
  }

  private int idle() {
    return world.domain.slots().idle();
  }

  private String slotOf(Ready ready) throws EngineException {
    return world.engine.find(ready.containerId()).orElseThrow().ownership().slotId();
  }

  @Test
  void slotsAreIdleUnderNamesOfTheirOwnAndAreNoSandboxes() {
    assertThat(idle()).isEqualTo(2);
    assertThat(world.engine.idle())
        .hasSize(2)
        .allSatisfy(
            c -> {
              assertThat(c.name()).isEqualTo("zcbot-slot-" + c.ownership().slotId());
              assertThat(c.isRunning()).isTrue();
              assertThat(world.mounts.mountedOn(c.ownership().slotId())).isNull();
            });
    assertThat(world.registry.size()).isZero();
    assertThat(world.domain.capacity().taken()).isEqualTo(2);
    assertThat(world.log).isEmpty();
  }

  @Test
  void aNewUserGetsASlotAndAnotherTakesItsPlace() throws Exception {
    Ready ready = ready(ANNA);

    assertThat(ready.outcome()).isEqualTo(Ready.Outcome.CLAIMED);
    assertThat(world.engine.creates()).isZero();
    assertThat(world.mounts.mountedOn(slotOf(ready))).isEqualTo(ANNA);
    assertThat(world.engine.isEntered(ready.containerId())).isTrue();
    assertThat(world.live.keySet()).containsExactly(ready.containerId());
    assertThat(idle()).isEqualTo(1);
    world.warmUp();
    assertThat(idle()).isEqualTo(2);
    assertThat(ready(ANNA).outcome()).isEqualTo(Ready.Outcome.REUSED);
    assertThat(world.mounts.open()).as("held open for idle ones only").isEqualTo(2);
  }

  @Test
  void noSlotIsMadeWhileABurstMayGoOn() throws Exception {
    World four = new World(root.resolve("four"), 10, null, 1_000_000, 4);
    WarmPool slots = four.domain.slots();
    four.warmUp();
    assertThat(slots.idle()).isEqualTo(4);

    four.ensure(user(1));
    four.ensure(user(2));
    four.advance(Duration.ofMillis(900));
    slots.tick();
    assertThat(slots.idle()).as("enough for the next; nobody is slowed down").isEqualTo(2);

    four.ensure(user(3));
    slots.tick();
    assertThat(slots.idle()).as("the burst may not be over").isEqualTo(1);
    four.advance(Duration.ofMillis(50));
    slots.tick();
    assertThat(slots.idle()).as("few: made between claims, up to half").isEqualTo(2);
    four.advance(Duration.ofMillis(950));
    slots.tick();
    assertThat(slots.idle()).as("nobody came any more").isEqualTo(4);
  }

  @Test
  void aStopMakesNoMoreButWhatIsIdleCanBeClaimed() throws Exception {
    world.domain.slots().stopMaking();
    assertThat(ready(ANNA).outcome()).isEqualTo(Ready.Outcome.CLAIMED);
    world.warmUp();
    assertThat(idle()).isEqualTo(1);
    assertThat(world.domain.slots().problem()).isNull();

    world.domain.slots().close(Duration.ofSeconds(1));
    assertThat(world.engine.idle()).isEmpty();
  }

  @Test
  void aStopWhileASlotIsCreatedOrStartedLeavesNothingOfIt() throws Exception {
    for (String operation : List.of("createSlot", "start")) {
      World other = new World(root.resolve(operation), 10, null, 1_000_000, 2);
      other.engine.faults.meanwhile(operation, other.domain.slots()::stopMaking);

      other.warmUp();

      assertThat(other.engine.everything())
          .as("containers after a stop in %s", operation)
          .isEmpty();
      assertThat(other.mounts.left()).isEmpty();
      assertThat(other.domain.capacity().taken()).isZero();
      assertThat(Thread.interrupted()).isEqualTo(operation.equals("start"));
    }
  }

  @Test
  void aSlotThatIsNotAsItsSpecSaysIsNeverIdle() throws Exception {
    ready(ANNA);
    world.engine.changeNext();
    world.warmUp();
    assertThat(idle()).isEqualTo(1);
    assertThat(world.domain.slots().problem()).contains("differs from its spec");
    assertThat(world.engine.idle()).as("nothing of it is left").hasSize(1);
    assertThat(world.mounts.left()).hasSize(2);
  }

  @Test
  void theLastSlotIsReplacedAtOnce() throws Exception {
    ready(ANNA);
    ready(BEN);
    assertThat(idle()).isZero();
    world.domain.slots().tick();
    assertThat(idle()).isEqualTo(1);
  }

  @Test
  void aReapUndoesTheMount() throws Exception {
    Ready ready = ready(ANNA);
    world.domain.reaper().reapAll(Reaped.Reason.IDLE, _ -> true, List.of());
    world.settle();

    assertThat(world.engine.find(ready.containerId())).isEmpty();
    assertThat(world.mounts.left()).hasSize(1);
    assertThat(world.domain.capacity().taken()).as("the idle one's").isEqualTo(1);
  }

  @Test
  void aReapWhoseRemovalFailsUndoesTheMountAllTheSame() throws Exception {
    ready(ANNA);
    world.engine.faults.failNext(new EngineFaults.Fault("remove", Kind.TRANSIENT, true));
    world.domain.reaper().reapAll(Reaped.Reason.IDLE, _ -> true, List.of());
    world.settle();

    assertThat(world.mounts.left()).hasSize(1);
  }

  @Test
  void anUnansweredRenameIsLookedAt() throws Exception {
    world.engine.faults.failNext(new EngineFaults.Fault("rename", Kind.UNAVAILABLE, true));

    assertThat(ready(ANNA).outcome()).isEqualTo(Ready.Outcome.CLAIMED);
    assertThat(world.engine.running(ANNA)).hasSize(1);
  }

  @Test
  void whatStandsUnderTheNameIsNoticedWithoutALookAndReplaced() throws Exception {
    world.engine.put(World.another("x", ANNA));

    Ready ready = ready(ANNA);

    assertThat(ready.outcome()).isEqualTo(Ready.Outcome.CLAIMED);
    assertThat(ready.containerId()).isNotEqualTo("x");
    assertThat(world.engine.find("x")).isEmpty();
    assertThat(idle()).as("one slot met the other, one took its place").isZero();
    assertThat(world.engine.everything()).hasSize(1);
  }

  @Test
  void aRenameThatDidNotHappenCostsTheSlot() throws Exception {
    world.engine.faults.failNext(new EngineFaults.Fault("rename", Kind.TRANSIENT, false));

    Ready ready = ready(ANNA);

    assertThat(ready.outcome()).isEqualTo(Ready.Outcome.CREATED);
    assertThat(idle()).isEqualTo(1);
    assertThat(world.engine.everything()).hasSize(2);
    assertThat(world.mounts.left()).hasSize(1);
    assertThat(world.domain.capacity().taken()).isEqualTo(2);
  }

  @Test
  void aTakenNameIsLookedAtBeforeTheNextTry() throws Exception {
    world.engine.faults.failNext(new EngineFaults.Fault("rename", Kind.CONFLICT, false));

    assertThat(ready(ANNA).outcome()).as("the other slot").isEqualTo(Ready.Outcome.CLAIMED);
    assertThat(idle()).isZero();
    assertThat(world.engine.everything()).hasSize(1);
  }

  /** Each attempt of an ensure would cost another slot. */
  @Test
  void aFirewallThatIsNotInForceCostsNoSlot() throws Exception {
    world.engine.faults.failNext(new EngineFaults.Fault("prepare", Kind.UNPROTECTED, false));
    world.engine.faults.failNext(new EngineFaults.Fault("prepare", Kind.UNAVAILABLE, false));

    assertThat(ready(ANNA).outcome()).isEqualTo(Ready.Outcome.CLAIMED);
    assertThat(idle()).isEqualTo(1);
    assertThat(world.engine.everything()).hasSize(2);
  }

  @Test
  void anEntranceThatDoesNotOpenCostsTheSlotAndNotTheSandbox() throws Exception {
    world.engine.faults.failNext(new EngineFaults.Fault("open", Kind.REJECTED, false));

    assertThat(ready(ANNA).outcome()).isEqualTo(Ready.Outcome.CREATED);
    assertThat(idle()).isEqualTo(1);
    assertThat(world.engine.everything()).hasSize(2);
    assertThat(world.mounts.left()).hasSize(1);
  }

  @Test
  void aSlotWithoutAnEntranceIsNeverIdle() throws Exception {
    ready(ANNA);
    world.engine.faults.failNext(new EngineFaults.Fault("entrance", Kind.REJECTED, false));
    world.warmUp();

    assertThat(idle()).isEqualTo(1);
    assertThat(world.engine.idle()).as("nothing of it is left").hasSize(1);
    assertThat(world.mounts.left()).hasSize(2);
  }

  @Test
  void aMountThatFailsCostsTheSlotAndNotTheSandbox() throws Exception {
    world.mounts.failNext("mount");

    assertThat(ready(ANNA).outcome()).isEqualTo(Ready.Outcome.CREATED);
    assertThat(idle()).isEqualTo(1);
    assertThat(world.engine.everything()).hasSize(2);
  }

  @Test
  void aSlotThatEndedUnseenIsNotAnnouncedReady() throws Exception {
    world.engine.idle().forEach(c -> world.engine.die(c.id(), 1));

    Ready ready = ready(ANNA);

    assertThat(ready.outcome()).isEqualTo(Ready.Outcome.CREATED);
    assertThat(world.engine.find(ready.containerId()).orElseThrow().isRunning()).isTrue();
    assertThat(world.log).hasSize(1);
  }

  @Test
  void aSlotThatWasStartedAnewIsNotAnnouncedReady() throws Exception {
    for (Container c : world.engine.idle()) {
      world.engine.put(
          new Container(
              c.id(),
              c.name(),
              c.state(),
              c.ownership(),
              c.specHash(),
              Instant.EPOCH.plusSeconds(1),
              null,
              false));
    }

    assertThat(ready(ANNA).outcome()).isEqualTo(Ready.Outcome.CREATED);
  }

  @Test
  void aSlotSomebodyRanACommandInIsReplaced() {
    Container used = world.engine.idle().getFirst();

    world
        .domain
        .reconciler()
        .on(new EngineEvent(EngineEvent.Kind.EXEC, null, used.id(), Instant.EPOCH, null));

    assertThat(world.engine.everything()).doesNotContain(used);
    assertThat(idle()).isEqualTo(1);
    world.warmUp();
    assertThat(idle()).isEqualTo(2);
  }

  @Test
  void slotsOfAnOldImageAreReplaced() throws Exception {
    assertThat(world.domain.slots().sweep()).isZero();
    world.engine.retag();

    assertThat(world.domain.slots().sweep()).isEqualTo(2);
    assertThat(world.domain.capacity().taken()).isZero();
    world.warmUp();
    assertThat(world.domain.slots().sweep()).isZero();
  }

  @Test
  void aFailureIsTriedAgainLaterAndSaid() throws Exception {
    world.engine.retag();
    world.domain.slots().sweep();
    world.mounts.failNext("probe");
    world.warmUp();
    assertThat(world.domain.slots().problem()).contains("fault of the test in probe");
    assertThat(world.domain.slots().status()).startsWith("0 of 2, because");
    assertThat(world.engine.everything()).isEmpty();
    assertThat(world.mounts.left()).isEmpty();
    assertThat(world.domain.capacity().taken()).isZero();

    world.domain.slots().tick();
    assertThat(idle()).as("not at once").isZero();
    world.advance(Duration.ofMinutes(1));
    world.domain.slots().tick();
    assertThat(idle()).isEqualTo(2);
    assertThat(world.domain.slots().problem()).isNull();
  }

  @Test
  void aFullHostMakesNoSlotsButItsSlotsServe() throws Exception {
    World small = new World(root.resolve("small"), 2, null, 1_000_000, 2);
    small.warmUp();
    assertThat(small.domain.slots().idle()).isEqualTo(2);
    small.ensure(ANNA);
    small.ensure(BEN);
    small.warmUp();
    assertThat(small.domain.slots().idle()).isZero();
    assertThat(small.domain.slots().status()).isEqualTo("0 of 2, because the host is full");
    assertThat(small.domain.slots().problem()).as("nothing is wrong").isNull();

    assertThat(((Failed) small.ensure(user(3))).reason()).isEqualTo(Failed.Reason.CAPACITY);
  }

  @Test
  void aSlotMakesRoomForASandboxThatHasToBeCreated() throws Exception {
    World small = new World(root.resolve("small"), 2, null, 1_000_000, 2);
    small.warmUp();
    small.mounts.failNext("mount");
    assertThat(((Ready) small.ensure(ANNA)).outcome()).isEqualTo(Ready.Outcome.CREATED);
    small.mounts.failNext("mount");
    assertThat(((Ready) small.ensure(BEN)).outcome()).isEqualTo(Ready.Outcome.CREATED);

    assertThat(small.domain.capacity().taken()).isEqualTo(2);
    assertThat(small.engine.idle()).isEmpty();
  }

  @Test
  void aStopRemovesWhatIsIdle() throws Exception {
    Ready ready = ready(ANNA);

    world.domain.slots().close(Duration.ofSeconds(5));
    world.warmUp();

    assertThat(world.engine.everything())
        .extracting(Container::id)
        .containsExactly(ready.containerId());
    assertThat(world.mounts.open()).isZero();
  }

  @Test
  void anotherWorkersSlotsAreLeftAlone() throws Exception {
    Container others =
        new Container(
            "x",
            "zcbot-slot-f",
            Container.State.RUNNING,
            new Container.Ownership(null, "f", "somebody else", false),
            World.SPEC.hash(),
            Instant.EPOCH,
            null,
            false);
    world.engine.put(others);

    world.restart();

    assertThat(world.engine.everything()).containsExactly(others);
  }

  @Test
  void anEngineThatCanHaveNoSlotsIsNotAskedForAny() {
    WarmPool slots =
        new WarmPool(
            world.engine,
            Profiles.only(World.profile(new Warm(2, 2))),
            new WarmPool.Setup(
                ProfileEngines.always(world.engine, world.engine),
                world.mounts,
                new SlotRoom() {
                  @Override
                  public int slots() {
                    return Warm.MOST;
                  }

                  @Override
                  public String problem(Profile profile) {
                    return "gVisor";
                  }
                },
                Runnable::run),
            new Capacity(10),
            new CreateTurns(1),
            Time.system(),
            SandboxMetrics.NONE);

    slots.tick();

    assertThat(slots.idle()).isZero();
    assertThat(slots.problem()).isEqualTo("gVisor");
  }

  @Test
  void aSlotThatCanNotBeRemovedKeepsNoOtherFromBeingSwept() throws Exception {
    String ended = world.engine.idle().getFirst().id();
    putUnknown("stuck", Container.State.RUNNING);
    putUnknown("behind", Container.State.RUNNING);
    world.mounts.create("left").close();
    world.engine.die(ended, 137);
    world.engine.faults.failNext(new EngineFaults.Fault("remove", Kind.TRANSIENT, false));

    assertThatThrownBy(() -> world.domain.slots().sweep()).isInstanceOf(EngineException.class);

    assertThat(world.engine.everything()).extracting(Container::id).contains("stuck");
    assertThat(world.engine.everything()).extracting(Container::id).doesNotContain("behind", ended);
    assertThat(world.mounts.left()).doesNotContain("left");
    assertThat(world.domain.slots().sweep()).as("tried again").isEqualTo(1);
  }

  /** Nothing runs in it, so a start need not wait until the engine can remove it. */
  @Test
  void anEndedSlotThatCanNotBeRemovedIsNoFailure() throws Exception {
    putUnknown("stuck", Container.State.ENDED);
    world.engine.faults.failNext(new EngineFaults.Fault("remove", Kind.TRANSIENT, false));

    assertThat(world.domain.slots().sweep()).isZero();

    assertThat(world.domain.slots().sweep()).as("tried again").isEqualTo(1);
  }

  private void putUnknown(String id, Container.State state) {
    world.engine.put(
        new Container(
            id,
            Container.SLOT_PREFIX + id,
            state,
            new Container.Ownership(null, id, World.ME.workerId(), true),
            World.SPEC.hash(),
            Instant.EPOCH,
            null,
            false));
  }
}
