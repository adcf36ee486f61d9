/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.engine.EngineException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Runs periodic tasks of the worker on one timer thread. Tasks that call the engine run on virtual
 * threads.
 */
final class Timers implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Timers.class);

  private static final Duration LAST_CALLS = Duration.ofSeconds(2);

  private final ScheduledThreadPoolExecutor executor =
      new ScheduledThreadPoolExecutor(1, Thread.ofPlatform().name("timer").factory());
  private final Duration retry;
  private final List<Semaphore> engineTasks = new CopyOnWriteArrayList<>();
  private final Map<String, String> engineProblems = new ConcurrentSkipListMap<>();

  interface EngineTask {
    void run() throws EngineException;
  }

  /**
   * Creates the timers, without tasks.
   *
   * @param retry the longest time after which a failed engine task is run again
   */
  Timers(Duration retry) {
    this.retry = retry;
    executor.setExecuteExistingDelayedTasksAfterShutdownPolicy(false);
  }

  ScheduledExecutorService executor() {
    return executor;
  }

  /** Why the last runs of periodic engine tasks failed; null if none did. Any thread. */
  @Nullable String engineProblem() {
    String all = engineProblems.values().stream().distinct().collect(Collectors.joining("; "));
    return all.isEmpty() ? null : all;
  }

  /** Runs a task periodically, on the timer thread. The task must not block. */
  void every(Duration interval, Runnable task) {
    Runnable guarded =
        () -> {
          try {
            task.run();
          } catch (Throwable e) { // or the executor would never run it again
            log.error("a periodic task failed unexpectedly; please report this", e);
          }
        };
    long nanos = interval.toNanos();
    Threads.orEnd(
        () -> {
          var _ = executor.scheduleWithFixedDelay(guarded, nanos, nanos, TimeUnit.NANOSECONDS);
        });
  }

  /**
   * Runs a task that calls the engine periodically, on a virtual thread, one run at a time. A
   * failed task is repeated sooner than after a long interval, because its failure keeps the worker
   * from being ready.
   *
   * @param name of the task, which must be unique
   */
  void everyOnEngine(Duration interval, String name, EngineTask task) {
    Semaphore once = new Semaphore(1);
    engineTasks.add(once);
    long looks = Math.max(1, Math.ceilDiv(interval.toNanos(), retry.toNanos()));
    AtomicLong left = new AtomicLong(looks);
    every(
        interval.dividedBy(looks),
        () -> {
          boolean isDue = left.decrementAndGet() <= 0;
          if ((isDue || engineProblems.containsKey(name)) && once.tryAcquire()) {
            left.set(looks);
            Threads.start(name, () -> runOnEngine(once, name, task));
          }
        });
  }

  private void runOnEngine(Semaphore once, String name, EngineTask task) {
    try {
      task.run();
      engineProblems.remove(name);
    } catch (EngineException e) {
      if (engineProblems.put(name, e.getMessage()) == null) {
        log.warn("a periodic check of the engine failed, will be tried again: {}", e.getMessage());
      }
    } catch (RuntimeException e) {
      if (engineProblems.put(name, e.toString()) == null) {
        log.error("a periodic check of the engine failed unexpectedly; please report this", e);
      }
    } finally {
      once.release();
    }
  }

  /**
   * Waits a little for running engine calls: a call that is cut off may leave behind what it
   * creates.
   */
  @Override
  public void close() {
    executor.shutdownNow();
    long deadline = System.nanoTime() + LAST_CALLS.toNanos();
    try {
      for (Semaphore task : engineTasks) {
        var _ = task.tryAcquire(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }
}
