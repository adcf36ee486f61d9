/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.ProfileEngines;
import io.zcbot.sandbox.worker.sandbox.Announcer;
import io.zcbot.sandbox.worker.sandbox.Capacity;
import io.zcbot.sandbox.worker.sandbox.CurrentSandboxes;
import io.zcbot.sandbox.worker.sandbox.EventSink;
import io.zcbot.sandbox.worker.sandbox.Identity;
import io.zcbot.sandbox.worker.sandbox.LiveSandboxTable;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import io.zcbot.sandbox.worker.sandbox.SandboxCommands;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.sandbox.TerminationTarget;
import io.zcbot.sandbox.worker.testkit.FakeEngine;
import io.zcbot.sandbox.worker.testkit.ManualTime;
import io.zcbot.sandbox.worker.testkit.World;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class TerminationTest {
  private final AtomicInteger removals = new AtomicInteger();
  private final AtomicInteger kills = new AtomicInteger();
  private final Semaphore engineAnswers = new Semaphore(0);
  private final Registry registry = new Registry();
  private final ManualTime time = new ManualTime(World.TTL.toNanos());
  private final InvocationHandler unused = (_, method, _) -> fail(method.toString());
  private final Engine engine = port(Engine.class, (_, method, _) -> answer(method.getName()));
  private final Announcer announcer =
      new Announcer(
          port(EventSink.class, unused),
          port(LiveSandboxTable.class, unused),
          port(CurrentSandboxes.class, unused),
          new Identity("me", "here", "unix:///none"),
          time,
          SandboxMetrics.NONE,
          _ -> fail("served"));

  @Test
  void onceTheWorkerStopsTwiceAsManyEndAtOnce() throws Exception {
    Termination termination = termination(2);
    List<Thread> all = new ArrayList<>();
    for (int i = 0; i < 6; i++) {
      String id = "c" + i;
      all.add(Thread.startVirtualThread(() -> end(termination, id)));
    }
    awaitRemovals(2);
    termination.hurry();
    awaitRemovals(4);
    engineAnswers.release(6);
    for (Thread each : all) {
      each.join();
    }
    assertThat(removals).hasValue(6);
  }

  /** As behind a slow engine, which has many others to end. */
  @Test
  void aSandboxThatIsUsedWhileItsKillWaitsStays() throws Exception {
    Termination termination = termination(1);
    Thread before = Thread.startVirtualThread(() -> end(termination, "before"));
    awaitRemovals(1);
    Sandbox sandbox = idleSandbox();
    List<Thread> lanes = new ArrayList<>();
    reaper(termination, lanes).tick();
    Thread lane = lanes.getFirst();
    await().atMost(Duration.ofSeconds(60)).until(() -> lane.getState() == Thread.State.WAITING);

    registry.touch(sandbox.user(), time.nanos(), Reaped.Use.ACTIVITY);
    engineAnswers.release();
    before.join();
    lane.join();

    assertThat(kills).hasValue(0);
    assertThat(registry.get(sandbox.user())).isSameAs(sandbox);
    assertThat(sandbox.isReapPending()).as("the next round may look again").isFalse();
  }

  private Sandbox idleSandbox() {
    Sandbox sandbox =
        new Sandbox(
            World.user(2),
            World.PROFILE,
            World.another("c", World.user(2)),
            0,
            0,
            0,
            Objects.requireNonNull(new Capacity(1).tryTake()));
    registry.add(sandbox);
    return sandbox;
  }

  /** A reaper that has read everything, and tells which threads its lanes are. */
  private Reaper reaper(Termination termination, List<Thread> lanes) {
    FakeEngine refusesNothing = new FakeEngine(World.SPEC, "me");
    return new Reaper(
        registry,
        termination,
        announcer,
        ProfileEngines.always(refusesNothing, refusesNothing),
        (_, task) -> lanes.add(Thread.startVirtualThread(task)),
        new HiddenUse(engine, SandboxCommands.NONE, null, time),
        _ -> OptionalLong.of(time.nanos()),
        new Reaper.Limits(World.EVICT_AFTER, null, null),
        time);
  }

  /** Waits until exactly the given number of removals is in progress. */
  private void awaitRemovals(int count) {
    await()
        .during(Duration.ofMillis(200))
        .atMost(Duration.ofSeconds(60))
        .untilAsserted(() -> assertThat(removals).hasValue(count));
  }

  private Termination termination(int concurrency) {
    return new Termination(
        engine,
        announcer,
        registry,
        SandboxCommands.NONE,
        _ -> fail("a slot is released"),
        concurrency);
  }

  private @Nullable Object answer(String operation) throws InterruptedException {
    switch (operation) {
      case "hasRunningExec" -> {
        return false;
      }
      case "kill" -> kills.incrementAndGet();
      case "remove" -> {
        removals.incrementAndGet();
        engineAnswers.acquire();
      }
      default -> fail(operation);
    }
    return null;
  }

  private static <T> T port(Class<T> type, InvocationHandler handler) {
    return type.cast(Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, handler));
  }

  /** Ends a sandbox that nobody was told of, so that it only has to be removed. */
  private static void end(Termination termination, String id) {
    try {
      termination.end(new TerminationTarget(World.user(1), id, null, null, null, null, null));
    } catch (EngineException | InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
