/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.lanes;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Threads;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;

/**
 * One lane per user: its tasks run one after another, in the order of submission. Lanes of
 * different users run concurrently, each on a virtual thread that lives while its lane has work.
 *
 * <p>Lanes are not bounded. The callers limit what they submit: the intake by its records in
 * flight, timers by one pending task per sandbox. Thread-safe.
 */
public final class Lanes implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Lanes.class);

  private final ConcurrentHashMap<UserId, Lane> lanes = new ConcurrentHashMap<>();
  private final Duration closeTimeout;
  private volatile boolean closed;

  /** The work of one user. The queue is accessed only inside the map's atomic per-key methods. */
  private static final class Lane {
    final Thread thread;

    /** The tasks behind the first; null until there are any, which is seldom. */
    @Nullable ArrayDeque<Runnable> queue;

    Lane(Thread thread) {
      this.thread = thread;
    }

    void add(Runnable task) {
      if (queue == null) {
        queue = new ArrayDeque<>(2);
      }
      queue.add(task);
    }

    @Nullable Runnable poll() {
      return queue == null ? null : queue.poll();
    }
  }

  /**
   * Creates the lanes.
   *
   * @param closeTimeout how long {@link #close} waits for running tasks before it interrupts them,
   *     and once more after that
   */
  public Lanes(Duration closeTimeout) {
    this.closeTimeout = closeTimeout;
  }

  /**
   * Appends a task to the user's lane. Never blocks.
   *
   * @return false if the lanes are closed and the task will not run
   */
  public boolean submit(UserId user, Runnable task) {
    if (closed) {
      return false;
    }
    var fresh =
        new Object() {
          @Nullable Thread thread;
        };
    lanes.compute(
        user,
        (_, lane) -> {
          if (lane != null) {
            lane.add(task);
            return lane;
          }
          String name = user.toString();
          fresh.thread = Threads.virtual("lane-".concat(name), () -> drain(user, name, task));
          return new Lane(fresh.thread);
        });
    if (fresh.thread != null) { // started here, so that no task runs before its lane is known
      Threads.start(fresh.thread);
    }
    return true;
  }

  /** The number of users who have work pending or running. */
  public int active() {
    return lanes.size();
  }

  /** The users who have work pending or running. */
  public Set<UserId> users() {
    return Set.copyOf(lanes.keySet());
  }

  private void drain(UserId user, String name, Runnable first) {
    MDC.put("user", name);
    for (Runnable task = first; task != null; task = next(user)) {
      try {
        if (!isCut()) {
          task.run();
        }
      } catch (Throwable e) { // or the tasks behind it would never run
        log.error("a task of the lane failed unexpectedly; please report this", e);
      }
      if (!closed) {
        boolean _ = Thread.interrupted(); // it was meant for the task that ended
      }
    }
  }

  /**
   * Takes the next task; null after removing the empty lane. Atomic with {@link #submit}, so that
   * no task is added to a lane that has ended.
   */
  private @Nullable Runnable next(UserId user) {
    var next =
        new Object() {
          @Nullable Runnable task;
        };
    lanes.computeIfPresent(
        user,
        (_, lane) -> {
          next.task = isCut() ? null : lane.poll();
          return next.task == null ? null : lane;
        });
    return next.task;
  }

  /** Whether this thread's lane is to end before its queue is empty. */
  private boolean isCut() {
    return closed && Thread.currentThread().isInterrupted();
  }

  /** Waits until every lane is empty; false if the time is up before. */
  public boolean awaitIdle(Duration timeout) throws InterruptedException {
    long deadline = System.nanoTime() + timeout.toNanos();
    while (!lanes.isEmpty()) {
      for (Lane lane : lanes.values()) {
        long left = deadline - System.nanoTime();
        boolean isStarted = lane.thread.getState() != Thread.State.NEW;
        if (isStarted && (left <= 0 || !lane.thread.join(Duration.ofNanos(left)))) {
          return lanes.isEmpty();
        }
      }
      if (System.nanoTime() >= deadline) {
        return lanes.isEmpty();
      }
      Thread.onSpinWait(); // the map's size lags behind its entries for a moment
    }
    return true;
  }

  /** Refuses new tasks, waits for the others up to the close time-out, then interrupts them. */
  @Override
  public void close() {
    closed = true;
    try {
      if (!awaitIdle(closeTimeout)) {
        log.warn("{} lanes still busy after {}; interrupting them", lanes.size(), closeTimeout);
        lanes.values().forEach(lane -> lane.thread.interrupt());
        awaitIdle(closeTimeout);
      }
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }
}
