/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.testkit.EngineFaults;
import io.zcbot.sandbox.worker.testkit.InAWorld;
import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.Test;

class EngineFollowerTest extends InAWorld {
  /** As when host and engine stop together; the process would ask to report it. */
  @Test
  void aStreamThatBreaksWhileTheTimersAreStoppedIsNotFollowedAnyMore() throws Exception {
    CompletableFuture<Thread> follows = new CompletableFuture<>();
    AtomicReference<Throwable> unexpected = new AtomicReference<>();
    try (ScheduledThreadPoolExecutor timers =
        new ScheduledThreadPoolExecutor(1) {
          @Override
          public ScheduledFuture<?> schedule(Runnable task, long delay, TimeUnit unit) {
            Thread.currentThread().setUncaughtExceptionHandler((_, e) -> unexpected.set(e));
            follows.complete(Thread.currentThread());
            return super.schedule(task, delay, unit);
          }
        }) {
      timers.shutdownNow();
      world.engine.faults.failNext(
          new EngineFaults.Fault("watch", EngineException.Kind.UNAVAILABLE, false));
      try (EngineFollower follower =
          new EngineFollower(world.engine, world.domain.reconciler(), timers, world.time())) {
        follower.start();
        assertThat(follows.get(60, TimeUnit.SECONDS).join(Duration.ofSeconds(60))).isTrue();
      }
    }
    assertThat(unexpected).hasNullValue();
  }
}
