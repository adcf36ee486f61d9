/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Deadline;
import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.Capacity;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.Reservation;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.SandboxCommands;
import io.zcbot.sandbox.worker.security.Row;
import io.zcbot.sandbox.worker.testkit.EngineFaults;
import io.zcbot.sandbox.worker.testkit.InAWorld;
import io.zcbot.sandbox.worker.testkit.World;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;

class EvictionTest extends InAWorld {
  private static final UserId DORA = World.user(4);
  private static final UserId EVE = World.user(5);

  @Test
  void aFullHostEvictsTheOneUnusedForLongest() throws Exception {
    world.ready(ANNA);
    world.advance(Duration.ofSeconds(10));
    world.ready(BEN);
    world.advance(World.EVICT_AFTER.plusSeconds(1));
    world.readAll();
    try (var _ = world.settling(ANNA)) {
      assertThat(world.ready(CLARA).outcome()).isEqualTo(Ready.Outcome.CREATED);
    }
    assertThat(world.reaped())
        .singleElement()
        .satisfies(
            reaped -> {
              assertThat(reaped.userId()).isEqualTo(ANNA);
              assertThat(reaped.reason()).isEqualTo(Reaped.Reason.EVICTED);
            });
  }

  @Test
  void theWarmPoolLeavesThePlaceToTheUserWhoWaitsForIt() throws Exception {
    World warm = fullHostWhosePoolLooksDuringAnEviction(ANNA);

    try (var _ = warm.settling(ANNA)) {
      assertThat(warm.ready(CLARA).outcome()).isEqualTo(Ready.Outcome.CREATED);
    }

    assertThat(warm.engine.idle()).isEmpty();
  }

  @Test
  void oneUserWhoWaitsEvictsOneSandbox() throws Exception {
    World warm = fullHostWhosePoolLooksDuringAnEviction(ANNA, BEN);

    try (var _ = warm.settling(ANNA);
        var _ = warm.settling(BEN)) {
      assertThat(warm.ready(CLARA).outcome()).isEqualTo(Ready.Outcome.CREATED);
    }

    assertThat(warm.reaped()).hasSize(1);
  }

  @Test
  void whoComesDuringTheRemovalLeavesThePlaceToWhoWaitsForIt() throws Exception {
    fullHostWhereOnlyAnnaIsIdle();
    world.engine.faults.meanwhile("remove", this::anotherComes);

    try (var _ = world.settling(ANNA)) {
      assertThat(world.ready(CLARA).outcome()).isEqualTo(Ready.Outcome.CREATED);
    }

    assertThat(world.failures()).singleElement().extracting(Failed::userId).isEqualTo(DORA);
  }

  @Test
  void whoComesBeforeTheEndIsAnnouncedLeavesThePlaceToWhoWaitsForIt() throws Exception {
    fullHostWhereOnlyAnnaIsIdle();
    world.refuses = this::anotherComesBeforeAnEndIsAnnounced;

    try (var _ = world.settling(ANNA)) {
      assertThat(world.ready(CLARA).outcome()).isEqualTo(Ready.Outcome.CREATED);
    }

    assertThat(world.failures()).singleElement().extracting(Failed::userId).isEqualTo(DORA);
  }

  @Test
  void aNewUserDoesNotWaitUntilTheEndThatMadeRoomIsAnnounced() throws Exception {
    fullHostWhereOnlyAnnaIsIdle();
    CountDownLatch answered = new CountDownLatch(1);
    AtomicBoolean isAnnouncedFirst = new AtomicBoolean();
    world.isAnothers =
        user -> {
          if (user.equals(ANNA) && !isDone(answered)) {
            isAnnouncedFirst.set(true);
          }
          return false;
        };

    try (var _ = world.settling(ANNA)) {
      assertThat(world.ready(CLARA).outcome()).isEqualTo(Ready.Outcome.CREATED);
      answered.countDown();
    }

    assertThat(isAnnouncedFirst).isFalse();
    assertThat(world.reaped()).extracting(Reaped::userId).containsExactly(ANNA);
    assertThat(world.registry.size()).isEqualTo(2);
  }

  private static boolean isDone(CountDownLatch latch) {
    try {
      return latch.await(60, TimeUnit.SECONDS);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Anna's lane is busy for longer than anybody waits, and Ben is at work by the engine. */
  @Test
  void aBusyLaneDoesNotHoldUpANewUserWhileAnotherSandboxMayGo() throws Exception {
    World host = new World(root.resolve("host"), 3, null);
    for (UserId user : List.of(ANNA, BEN, DORA)) {
      String id = host.ready(user).containerId();
      if (user.equals(BEN)) {
        host.engine.exec(id, true);
      }
      host.advance(Duration.ofSeconds(10));
    }
    host.advance(World.EVICT_AFTER);
    host.readAll();

    try (var _ = host.settling(BEN);
        var _ = host.settling(DORA)) {
      assertThat(host.ready(CLARA).outcome()).isEqualTo(Ready.Outcome.CREATED);
    }
    host.settle();

    assertThat(host.reaped()).extracting(Reaped::userId).as("one").containsExactly(DORA);
  }

  /** Ben's is in use after all, and Anna's lane gets to the eviction later. */
  @Test
  void theEvictionThatWasLeftInABusyLaneMakesRoomIfNoOtherDoes() throws Exception {
    world.ready(ANNA);
    world.advance(Duration.ofSeconds(10));
    world.ready(BEN);
    world.advance(World.EVICT_AFTER.plusSeconds(1));
    world.readAll();
    CountDownLatch kept = new CountDownLatch(1);
    world.submit(ANNA, () -> assertThat(isDone(kept)).isTrue());

    try (var _ = world.settling(ANNA)) {
      FutureTask<Ready> ready = new FutureTask<>(() -> world.ready(CLARA));
      Thread.startVirtualThread(ready);
      Sandbox ben = Objects.requireNonNull(world.registry.get(BEN));
      await().until(ben::isReapPending);
      world.registry.touch(BEN, world.now, Reaped.Use.ACTIVITY);
      world.step(BEN);
      kept.countDown();
      assertThat(ready.get().outcome()).isEqualTo(Ready.Outcome.CREATED);
    }

    assertThat(world.reaped()).extracting(Reaped::userId).containsExactly(ANNA);
  }

  /** The lanes of both are busy until the new user was refused. */
  @Test
  void theEvictionsThatWereLeftInBusyLanesEndNobodyAfterTheRefusal() throws Exception {
    World host = hostOfIdle(ANNA, BEN);
    Sandbox ben = Objects.requireNonNull(host.registry.get(BEN));
    FutureTask<Failed> failed = new FutureTask<>(() -> host.failed(CLARA));
    Thread.startVirtualThread(failed);
    await().until(ben::isReapPending);
    host.advance(Duration.ofSeconds(60)); // the ensure's deadline
    host.readAll();
    assertThat(failed.get().reason()).isEqualTo(Failed.Reason.CAPACITY);

    host.settle();

    assertThat(host.reaped()).isEmpty();
    assertThat(ben.isReapPending()).as("another may evict it").isFalse();
  }

  /**
   * Anna's lane gets to the eviction when Ben's waits as well, and the engine is slow to end it.
   */
  @Test
  void nobodyElseIsTriedWhileAnEvictionThatBeganTakesItsTime() throws Exception {
    World host = hostOfIdle(ANNA, BEN, DORA);
    Sandbox ben = Objects.requireNonNull(host.registry.get(BEN));
    Sandbox dora = Objects.requireNonNull(host.registry.get(DORA));
    CountDownLatch begun = new CountDownLatch(1);
    CountDownLatch kept = new CountDownLatch(1);
    AtomicBoolean isDoraTried = new AtomicBoolean();
    host.engine.faults.meanwhile(
        "kill",
        () -> {
          begun.countDown();
          isDone(kept);
        });
    Time askedBeforeEachWait =
        new Time() {
          @Override
          public long nanos() {
            if (begun.getCount() == 0) {
              isDoraTried.set(dora.isReapPending());
              kept.countDown();
            } else if (ben.isReapPending()) {
              Thread.startVirtualThread(() -> host.step(ANNA));
              isDone(begun);
            }
            return host.now;
          }

          @Override
          public Instant now() {
            return host.time().now();
          }
        };
    Eviction eviction =
        new Eviction(
            host.domain.reaper(),
            host.registry,
            host.domain.capacity(),
            SandboxCommands.NONE,
            askedBeforeEachWait);

    assertThat(eviction.makeRoom(Deadline.in(Duration.ofSeconds(60), host.time()))).isNotNull();

    assertThat(kept.getCount()).as("the wait went on").isZero();
    assertThat(isDoraTried).isFalse();
  }

  private World hostOfIdle(UserId... users) throws Exception {
    World host = new World(root.resolve("host"), users.length, null);
    for (UserId user : users) {
      host.ready(user);
      host.advance(Duration.ofSeconds(10));
    }
    host.advance(World.EVICT_AFTER);
    host.readAll();
    return host;
  }

  @Test
  void aStopLeavesTheEnsureThatWaitsForAPlaceUnanswered() throws Exception {
    fullHostWhereOnlyAnnaIsIdle();
    world.isStopping = true;

    assertThatThrownBy(() -> world.ensure(CLARA)).isInstanceOf(StoppedException.class);

    assertThat(world.failures()).isEmpty();
  }

  private void fullHostWhereOnlyAnnaIsIdle() throws Exception {
    world.ready(ANNA);
    world.ready(BEN);
    world.advance(World.EVICT_AFTER.plusSeconds(1));
    world.registry.touch(BEN, world.now, Reaped.Use.ACTIVITY);
    world.readAll();
  }

  private boolean anotherComesBeforeAnEndIsAnnounced(SandboxEvent event) {
    if (event instanceof Reaped) {
      anotherComes();
    }
    return false;
  }

  private void anotherComes() {
    try {
      var _ = world.ensure(DORA);
    } catch (FencedException | InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /** Ben is idle by the log, and at work by the engine. */
  @Test
  void whoFindsNobodyToEvictLeavesThePlaceToWhoWaitsForIt() throws Exception {
    world.ready(ANNA);
    world.advance(Duration.ofSeconds(10));
    String id = world.ready(BEN).containerId();
    world.advance(World.EVICT_AFTER.plusSeconds(1));
    world.readAll();
    world.engine.exec(id, true);
    world.refuses = this::anotherComesBeforeAnEndIsAnnounced;

    try (var _ = world.settling(BEN);
        var _ = world.settling(ANNA)) { // in which the other waits for Ben's
      assertThat(world.ready(CLARA).outcome()).isEqualTo(Ready.Outcome.CREATED);
    }

    assertThat(world.failures()).singleElement().extracting(Failed::userId).isEqualTo(DORA);
  }

  @Test
  void whatTheEngineFailedToEndIsTriedLast() throws Exception {
    World host = hostOfIdle(ANNA, BEN, DORA);
    host.engine.faults.failNext(
        new EngineFaults.Fault("kill", EngineException.Kind.UNAVAILABLE, false));

    try (var _ = host.settling(ANNA);
        var _ = host.settling(BEN);
        var _ = host.settling(DORA)) {
      assertThat(host.ready(CLARA).outcome()).isEqualTo(Ready.Outcome.CREATED);
      assertThat(host.ready(EVE).outcome()).isEqualTo(Ready.Outcome.CREATED);
    }

    assertThat(host.reaped()).extracting(Reaped::userId).containsExactlyInAnyOrder(BEN, DORA);
  }

  @Test
  void whoIsUsedWhileTheEngineIsAskedIsNotEvicted() throws Exception {
    fullHostWhereOnlyAnnaIsIdle();
    world.engine.faults.meanwhile(
        "exec", () -> world.registry.touch(ANNA, world.now, Reaped.Use.ACTIVITY));

    try (var _ = world.settling(ANNA)) {
      assertThat(world.failed(CLARA).reason()).isEqualTo(Failed.Reason.CAPACITY);
    }

    assertThat(world.reaped()).isEmpty();
    assertThat(world.engine.running(ANNA)).hasSize(1);
    Sandbox anna = Objects.requireNonNull(world.registry.get(ANNA));
    assertThat(anna.isReapPending()).as("another may evict it").isFalse();
    assertThat(anna.isStuck()).isFalse();
  }

  private World fullHostWhosePoolLooksDuringAnEviction(UserId... users) throws Exception {
    World warm = new World(root.resolve("warm"), users.length, null, 1_000_000, 1);
    warm.warmUp();
    for (UserId user : users) {
      warm.ready(user);
    }
    warm.advance(World.EVICT_AFTER.plusSeconds(1));
    warm.readAll();
    warm.engine.faults.meanwhile("remove", warm.domain.slots()::tick);
    return warm;
  }

  /** The engine's exec has no time-out; a user may let one hang. */
  @Row(56)
  @Test
  void aCommandThatHangsHoldsAPlaceForAnHour() throws Exception {
    String id = world.ready(ANNA).containerId();
    world.ready(BEN);
    world.engine.exec(id, true);
    pass(Duration.ofMinutes(50));
    try (var _ = world.settling(ANNA)) {
      assertThat(world.failed(CLARA).reason()).isEqualTo(Failed.Reason.CAPACITY);
    }

    pass(Duration.ofMinutes(15));
    try (var _ = world.settling(ANNA)) {
      assertThat(world.ready(CLARA).outcome()).isEqualTo(Ready.Outcome.CREATED);
    }
    assertThat(world.reaped())
        .singleElement()
        .satisfies(
            reaped -> {
              assertThat(reaped.userId()).isEqualTo(ANNA);
              assertThat(reaped.reason()).isEqualTo(Reaped.Reason.EVICTED);
            });
  }

  /** Lets time pass. Ben works all the time; Anna only has a command that runs. */
  private void pass(Duration time) {
    for (Duration passed = Duration.ZERO;
        passed.compareTo(time) < 0;
        passed = passed.plus(World.EVICT_AFTER.plusSeconds(1))) {
      world.advance(World.EVICT_AFTER.plusSeconds(1));
      world.registry.touch(BEN, world.now, Reaped.Use.ACTIVITY);
      world.readAll();
      world.tick();
    }
    world.advance(World.EVICT_AFTER.minusSeconds(1));
    world.registry.touch(BEN, world.now, Reaped.Use.ACTIVITY);
    world.advance(Duration.ofSeconds(2));
    world.readAll();
  }

  @Test
  void aFullHostOfBusySandboxesSaysSo() throws Exception {
    world.ready(ANNA);
    world.ready(BEN);
    world.readAll();
    Failed failed = world.failed(CLARA);
    assertThat(failed.reason()).isEqualTo(Failed.Reason.CAPACITY);
    assertThat(failed.retryable()).isTrue();
    // The place is not lost: when one goes, the next ensure is met.
    world.advance(World.TTL);
    world.readAll();
    world.tick();
    assertThat(world.ready(CLARA).outcome()).isEqualTo(Ready.Outcome.CREATED);
  }

  /**
   * A clock moves on while they are compared, and a sort refuses an order that contradicts itself.
   */
  @Test
  void manyThatAreUnusedForEquallyLongAreNoContradiction() throws Exception {
    Capacity capacity = new Capacity(256);
    long unusedSince = world.now - World.TTL.toNanos();
    for (int i = 0; i < capacity.max(); i++) {
      Reservation place = Objects.requireNonNull(capacity.tryTake());
      long lastActive = unusedSince + TimeUnit.SECONDS.toNanos(i / 8 % 4);
      world.registry.add(
          new Sandbox(
              World.user(i),
              World.PROFILE,
              World.another("c" + i, World.user(i)),
              0,
              lastActive,
              lastActive,
              place));
    }
    world.readAll();
    Time moving =
        new Time() {
          private final AtomicLong nanos = new AtomicLong(world.now);

          @Override
          public long nanos() {
            return nanos.addAndGet(50);
          }

          @Override
          public Instant now() {
            return world.time().now();
          }
        };
    Eviction eviction =
        new Eviction(world.domain.reaper(), world.registry, capacity, SandboxCommands.NONE, moving);

    assertThat(eviction.makeRoom(Deadline.in(Duration.ZERO, world.time())))
        .as("nobody frees a place")
        .isNull();
  }
}
