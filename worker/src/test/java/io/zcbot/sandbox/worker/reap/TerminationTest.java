/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.Announcer;
import io.zcbot.sandbox.worker.sandbox.CurrentSandboxes;
import io.zcbot.sandbox.worker.sandbox.EventSink;
import io.zcbot.sandbox.worker.sandbox.Identity;
import io.zcbot.sandbox.worker.sandbox.LiveSandboxTable;
import io.zcbot.sandbox.worker.sandbox.Registry;
import io.zcbot.sandbox.worker.sandbox.SandboxCommands;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.sandbox.TerminationTarget;
import io.zcbot.sandbox.worker.testkit.ManualTime;
import io.zcbot.sandbox.worker.testkit.World;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class TerminationTest {
  private final AtomicInteger removals = new AtomicInteger();
  private final Semaphore engineAnswers = new Semaphore(0);

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

  /** Waits until exactly the given number of removals is in progress. */
  private void awaitRemovals(int count) {
    await()
        .during(Duration.ofMillis(200))
        .atMost(Duration.ofSeconds(60))
        .untilAsserted(() -> assertThat(removals).hasValue(count));
  }

  private Termination termination(int concurrency) {
    Engine engine =
        port(
            Engine.class,
            (_, method, _) -> {
              assertThat(method.getName()).isEqualTo("remove");
              removals.incrementAndGet();
              engineAnswers.acquire();
              return null;
            });
    InvocationHandler unused = (_, method, _) -> fail(method.toString());
    Announcer announcer =
        new Announcer(
            port(EventSink.class, unused),
            port(LiveSandboxTable.class, unused),
            port(CurrentSandboxes.class, unused),
            new Identity("me", "here", "unix:///none"),
            new ManualTime(0),
            SandboxMetrics.NONE,
            _ -> fail("served"));
    return new Termination(
        engine,
        announcer,
        new Registry(),
        SandboxCommands.NONE,
        _ -> fail("a slot is released"),
        concurrency);
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
