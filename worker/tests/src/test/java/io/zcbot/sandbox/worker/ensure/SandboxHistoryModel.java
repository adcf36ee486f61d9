/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.CurrentSandbox;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.StoppedException;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.EngineEvent;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.FencedException;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.Terms;
import io.zcbot.sandbox.worker.spec.IdleTtls;
import io.zcbot.sandbox.worker.testkit.EngineFaults;
import io.zcbot.sandbox.worker.testkit.World;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.concurrent.CompletableFuture;

/** Everything that the outside did and saw in one history, to judge the domain by. */
final class SandboxHistoryModel {
  static final IdleTtls IDLE_TTLS =
      new IdleTtls(World.TTL, Duration.ofSeconds(10), Duration.ofSeconds(1000));

  private static final String[] OPERATIONS = {
    "find",
    "create",
    "start",
    "remove",
    "kill",
    "list",
    "exec",
    "createSlot",
    "entrance",
    "open",
    "rename",
    "imageId",
    "cpuTime"
  };

  enum Verb {
    ENSURE,
    ENSURE_ALREADY_EXPIRED,
    ENSURE_WITH_AN_IDLE_TTL,
    ENSURE_WITH_LABELS,
    ENSURE_WITH_AN_END,
    RUN_A_TASK,
    RUN_ALL,
    ACTIVITY,
    TIME_PASSES,
    FOLLOWER_CATCHES_UP,
    TICK,
    TICK_ENDS,
    RECONCILE,
    DIES_WITH_EVENT,
    DIES_UNSEEN,
    REMOVED_BY_HAND,
    RENAMED,
    PAUSED,
    EXEC_STARTS,
    EXEC_ENDS,
    ENGINE_FAULT,
    CRASH_BEFORE_PUBLISH,
    CRASH_AFTER_PUBLISH,
    CRASH_IN_ENGINE_CALL,
    WARM_UP,
    SWEEP,
    SLOT_DIES,
    SLOT_IS_USED,
    IMAGE_CHANGES,
    MOUNT_FAULT,
    RESTART
  }

  record Step(Verb verb, int user, int number) {}

  private final World world;
  private final Set<String> asked = new HashSet<>();
  private final Set<String> answered = new HashSet<>();
  private final Map<String, EnsureRequest> unanswered = new HashMap<>();

  /** Requests that are not read until the worker has taken their users over. */
  private final List<EnsureRequest> unread = new ArrayList<>();

  private CompletableFuture<?> takeover = CompletableFuture.completedFuture(null);
  private final Map<UserId, List<Long>> activities = new HashMap<>();
  private final Map<UserId, List<Long>> unreadActivities = new HashMap<>();
  private final Set<String> used = new HashSet<>();
  private final Map<String, Duration> idleTtls = new HashMap<>();

  /** The last ready of each container. */
  private final Map<String, Ready> told = new HashMap<>();

  private int seen;

  SandboxHistoryModel(World world) {
    this.world = world;
  }

  void take(Step step) throws Exception {
    UserId user = World.user(step.user());
    switch (step.verb()) {
      case ENSURE -> queue(world.request(user));
      case ENSURE_ALREADY_EXPIRED -> queue(world.request(user, Duration.ZERO));
      case ENSURE_WITH_AN_IDLE_TTL ->
          queue(world.request(user, Duration.ofSeconds(60), Duration.ofSeconds(step.number() + 5)));
      case ENSURE_WITH_LABELS ->
          queue(
              world.request(
                  user,
                  step.number() % 4 == 0 ? Map.of() : Map.of("n", "" + step.number() % 4),
                  null));
      case ENSURE_WITH_AN_END ->
          queue(world.request(user, null, world.time().now().plusSeconds(step.number() / 2)));
      case RUN_A_TASK -> world.step(user);
      case RUN_ALL -> world.settle();
      case ACTIVITY -> {
        activities.computeIfAbsent(user, _ -> new ArrayList<>()).add(world.now);
        unreadActivities.computeIfAbsent(user, _ -> new ArrayList<>()).add(world.now);
      }
      case TIME_PASSES -> world.advance(Duration.ofSeconds(step.number() % 400));
      case FOLLOWER_CATCHES_UP -> catchUp();
      case TICK -> world.domain.reaper().tick();
      case TICK_ENDS -> world.domain.reaper().tickEnds();
      case RECONCILE -> reconcile();
      case DIES_WITH_EVENT -> {
        for (Container c : world.engine.running(user)) {
          world.engine.die(c.id(), 1);
          event(EngineEvent.Kind.DIED, c, 1);
        }
      }
      case DIES_UNSEEN -> world.engine.running(user).forEach(c -> world.engine.die(c.id(), 1));
      case REMOVED_BY_HAND -> {
        for (Container c : world.engine.running(user)) {
          world.engine.removeByHand(c.id());
          event(EngineEvent.Kind.DESTROYED, c, null);
        }
      }
      case RENAMED ->
          world.engine.running(user).forEach(c -> world.engine.renameByHand(c.id(), "x" + c.id()));
      case PAUSED ->
          world
              .engine
              .running(user)
              .forEach(c -> world.engine.state(c.id(), Container.State.PAUSED));
      case EXEC_STARTS -> {
        for (Container c : world.engine.running(user)) {
          world.engine.exec(c.id(), true);
          event(EngineEvent.Kind.EXEC, c, null);
        }
      }
      case EXEC_ENDS -> {
        for (Container c : world.engine.running(user)) {
          if (world.engine.execs().contains(c.id())) {
            world.engine.exec(c.id(), false);
            event(EngineEvent.Kind.EXEC, c, null);
          }
        }
      }
      case ENGINE_FAULT -> fault(step.number());
      case CRASH_BEFORE_PUBLISH -> world.publishing = World.Publishing.CRASHES_BEFORE;
      case CRASH_AFTER_PUBLISH -> world.publishing = World.Publishing.CRASHES_AFTER;
      case CRASH_IN_ENGINE_CALL ->
          world.engine.faults.crashNext(
              new EngineFaults.Crash(
                  OPERATIONS[step.number() % OPERATIONS.length], step.number() % 2 == 0));
      case WARM_UP -> world.warmUp();
      case SWEEP -> sweep();
      case SLOT_DIES -> {
        for (Container c : world.engine.idle()) {
          world.engine.die(c.id(), 1);
          if (step.number() % 2 == 0) {
            event(EngineEvent.Kind.DIED, c, 1);
          }
        }
      }
      case SLOT_IS_USED -> {
        for (Container c : world.engine.idle()) {
          used.add(c.id());
          event(EngineEvent.Kind.EXEC, c, null);
        }
      }
      case IMAGE_CHANGES -> world.engine.retag();
      case MOUNT_FAULT ->
          world.mounts.failNext(
              List.of("create", "probe", "unmountProbe", "mount", "release")
                  .get(step.number() % 5));
      case RESTART -> restart();
    }
    if (world.isCrashed()) {
      checkNow(); // by what was read then
      restart();
    }
  }

  /** Faults of the kind that is retried at once, so that the test does not wait for backoff. */
  private void fault(int number) {
    world.engine.faults.failNext(
        new EngineFaults.Fault(
            OPERATIONS[number % OPERATIONS.length],
            EngineException.Kind.CONFLICT,
            number % 2 == 0));
  }

  private void queue(EnsureRequest request) {
    asked.add(request.ensure().eventId());
    unanswered.put(request.ensure().eventId(), request);
    unread.add(request);
    read();
  }

  private void read() {
    if (takeover.isDone() && !takeover.isCompletedExceptionally()) {
      unread.forEach(this::submit);
      unread.clear();
    }
  }

  private void submit(EnsureRequest request) {
    Domain domain = world.domain;
    world.submit(
        request.user(),
        () -> {
          try {
            domain.ensurer().ensure(request);
            unanswered.remove(request.ensure().eventId());
          } catch (FencedException | InterruptedException | StoppedException _) {
            // Not committed, so delivered again after the crash.
          }
        });
  }

  private void restart() throws Exception {
    world.engine.faults.heal();
    world.mounts.heal();
    unread.clear();
    unread.addAll(unanswered.values());
    unread.sort(Comparator.comparing(r -> r.ensure().eventId()));
    takeover = world.restart();
    world.lowWatermark = null;
    takeover.thenRun(this::read);
  }

  private void catchUp() {
    unreadActivities.forEach(
        (user, instants) ->
            instants.forEach(at -> world.registry.touch(user, at, Reaped.Use.ACTIVITY)));
    unreadActivities.clear();
    world.readAll();
    world.advance(Duration.ofNanos(1)); // what happens from now on was not read
  }

  private void reconcile() {
    try {
      world.domain.reconciler().reconcile();
    } catch (EngineException _) {
      // The timer comes again.
    }
  }

  private void sweep() {
    try {
      world.domain.slots().sweep();
    } catch (EngineException _) {
      // The timer comes again.
    }
  }

  private void event(EngineEvent.Kind kind, Container c, Integer exitCode) {
    world
        .domain
        .reconciler()
        .on(new EngineEvent(kind, c.user(), c.id(), java.time.Instant.EPOCH, exitCode));
  }

  void checkNow() throws EngineException {
    for (int i = 1; i <= SandboxHistoriesTest.USERS; i++) {
      assertThat(world.engine.running(World.user(i))).as("I1").hasSizeLessThanOrEqualTo(1);
    }
    while (seen < world.log.size()) {
      SandboxEvent event = world.log.get(seen++);
      switch (event) {
        case Ready ready -> {
          answered.add(ready.ensureId());
          idleTtls.put(ready.containerId(), ready.environment().idleTtl());
          told.put(ready.containerId(), ready);
          assertThat(used)
              .as("nobody gets what was used before")
              .doesNotContain(ready.containerId());
          checkWorkspace(ready);
        }
        case Failed failed -> answered.add(failed.ensureId());
        case Reaped reaped when reaped.reason() == Reaped.Reason.IDLE -> checkIdle(reaped);
        case Reaped reaped when reaped.reason() == Reaped.Reason.ENDS_AT ->
            assertThat(told.get(reaped.containerId()).endsAt())
                .as("reaped at the end that was told")
                .isBeforeOrEqualTo(reaped.at());
        default -> {}
      }
    }
  }

  /** I3, as long as nothing was done to the sandbox since. */
  private void checkWorkspace(Ready ready) {
    for (Container c : world.engine.running(ready.userId())) {
      if (c.id().equals(ready.containerId()) && c.ownership().slotId() != null) {
        assertThat(world.mounts.mountedOn(c.ownership().slotId()))
            .as("I3: the workspace is mounted")
            .isEqualTo(ready.userId());
      }
    }
  }

  private void checkIdle(Reaped reaped) {
    Long lowWatermark = world.lowWatermark;
    assertThat(lowWatermark).as("I5: nobody is idle before the log was read").isNotNull();
    long ttl = idleTtls.get(reaped.containerId()).toNanos();
    for (long at : activities.getOrDefault(reaped.userId(), List.of())) {
      assertThat(at > lowWatermark - ttl && at <= lowWatermark)
          .as("I5: activity at %s, reaped idle with all read up to %s", at, lowWatermark)
          .isFalse();
    }
  }

  void comeToRest() throws Exception {
    world.engine.faults.heal();
    world.mounts.heal();
    world.publishing = World.Publishing.WORKS;
    for (int i = 0; i < 3; i++) {
      world.settle();
      if (world.isCrashed()) {
        checkNow();
        restart();
      }
      reconcile();
      sweep();
    }
    world.settle();
    sweep();
    checkNow();
  }

  /** The state of each user's sandbox according to ready and reaped events. */
  private Map<UserId, CurrentSandbox> fold() {
    Map<UserId, CurrentSandbox> current = new HashMap<>();
    for (SandboxEvent event : world.log) {
      if (event instanceof Ready ready && !isIn(current.get(ready.userId()), ready)) {
        current.put(ready.userId(), CurrentSandbox.of(ready));
      } else if (event instanceof Reaped reaped
          && reaped.container().equals(containerOf(current.get(reaped.userId())))) {
        current.remove(reaped.userId());
      }
    }
    return current;
  }

  private static boolean isIn(CurrentSandbox entry, Ready ready) {
    return ready.container().equals(containerOf(entry))
        && ready.labels().equals(entry.labels())
        && Objects.equals(ready.endsAt(), entry.endsAt());
  }

  private static ContainerRef containerOf(CurrentSandbox entry) {
    return entry == null ? null : entry.container();
  }

  void checkAtRest() throws EngineException {
    assertThat(answered).as("I2: every ensure is answered").containsAll(asked);
    Set<String> live = new HashSet<>();
    Set<String> slots = new HashSet<>();
    for (Container c : world.engine.everything()) {
      if (c.ownership().slotId() != null) {
        slots.add(c.ownership().slotId());
      }
      if (c.isOurIdleSlot()) {
        assertThat(world.mounts.mountedOn(c.ownership().slotId()))
            .as("an idle slot is empty")
            .isNull();
        continue;
      }
      Sandbox known = world.registry.get(c.user());
      assertThat(known).as("what is on the engine is known: %s", c).isNotNull();
      assertThat(known.containerId()).isEqualTo(c.id());
      assertThat(c.state()).isEqualTo(Container.State.RUNNING);
      live.add(c.id());
      assertThat(Terms.of(world.live.get(c.id())))
          .as("the live table has what was asked for last")
          .isEqualTo(known.terms());
      assertThat(known.terms().labels())
          .as("what was told is in force")
          .isEqualTo(told.get(c.id()).labels());
      assertThat(known.terms().endsAt())
          .as("what was told is in force")
          .isEqualTo(told.get(c.id()).endsAt());
      assertThat(known.idleTtl())
          .as("what was asked for is in force")
          .isEqualTo(idleTtls.get(c.id()));
    }
    int idle = world.engine.idle().size();
    assertThat(world.domain.slots().idle()).isEqualTo(idle);
    assertThat(world.mounts.left()).as("no slot's mount is left").isEqualTo(slots);
    world
        .mounts
        .everHad()
        .forEach((slot, users) -> assertThat(users).as("one user per slot").hasSize(1));
    assertThat(world.domain.capacity().taken()).isEqualTo(live.size() + idle);
    assertThat(world.registry.size()).isEqualTo(live.size());
    assertThat(world.live.keySet()).as("the live table").isEqualTo(live);
    assertThat(world.current).as("the table of current sandboxes").isEqualTo(fold());
    Map<String, Set<String>> ends = new HashMap<>();
    for (Reaped reaped : world.reaped()) {
      ends.computeIfAbsent(reaped.containerId(), _ -> new HashSet<>()).add(reaped.eventId());
    }
    for (Ready ready : world.readies()) {
      if (live.contains(ready.containerId())) {
        assertThat(ends).as("I4: runs, so not reaped").doesNotContainKey(ready.containerId());
      } else {
        assertThat(ends.getOrDefault(ready.containerId(), Set.of()))
            .as("I4: announced ready, so announced reaped once: %s", ready)
            .hasSize(1);
      }
    }
  }
}
