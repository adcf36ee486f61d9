/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import io.github.resilience4j.core.IntervalFunction;
import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.engine.Engine;
import io.zcbot.sandbox.worker.engine.EngineException;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Follows the engine's event stream on a virtual thread, and reconnects when it breaks. It
 * reconciles after each connection, because events may have been missed.
 */
public final class EngineFollower implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(EngineFollower.class);

  private static final IntervalFunction BACKOFF =
      IntervalFunction.ofExponentialRandomBackoff(
          Duration.ofMillis(200), 2.0, 0.5, Duration.ofSeconds(5));

  private final Engine engine;
  private final Reconciler reconciler;
  private final ScheduledExecutorService scheduler;
  private final Time time;
  private volatile @Nullable Thread watching;
  private volatile @Nullable String problem = "the engine's event stream is not connected yet";
  private volatile boolean closed;
  private final AtomicInteger failures = new AtomicInteger();

  public EngineFollower(
      Engine engine, Reconciler reconciler, ScheduledExecutorService scheduler, Time time) {
    this.engine = engine;
    this.reconciler = reconciler;
    this.scheduler = scheduler;
    this.time = time;
  }

  public void start() {
    connect(time.now());
  }

  /** Why the stream is not being followed; null while it is. Any thread. */
  public @Nullable String problem() {
    return problem;
  }

  private void connect(Instant since) {
    if (!closed) {
      watching = Threads.start("engine-events", () -> watch(since));
    }
  }

  private void watch(Instant since) {
    String broke;
    try {
      engine.watch(since, this::connected, reconciler::on);
      broke = "the engine ended its event stream";
    } catch (EngineException e) {
      broke = e.getMessage();
    } catch (RuntimeException e) { // or nobody would follow the stream any more
      log.error("following the engine's events failed unexpectedly; please report this", e);
      broke = e.toString();
    }
    if (closed) {
      return;
    }
    if (problem == null) {
      log.warn("lost the engine's event stream: {}", broke);
    }
    problem = broke;
    int attempt = Math.min(failures.incrementAndGet(), 20);
    Instant again = time.now();
    try {
      var _ =
          scheduler.schedule(() -> connect(again), BACKOFF.apply(attempt), TimeUnit.MILLISECONDS);
    } catch (RejectedExecutionException _) {
      log.debug("the stream is not followed any more, since the worker stops");
    }
  }

  private void connected() {
    problem = null;
    failures.set(0);
    log.info("following the engine's events");
    try {
      reconciler.reconcile();
    } catch (EngineException e) {
      log.warn("could not reconcile, will be tried again: {}", e.getMessage());
    }
  }

  @Override
  public void close() {
    closed = true;
    Thread thread = watching;
    if (thread != null) {
      thread.interrupt();
    }
  }
}
