/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import io.zcbot.sandbox.worker.base.StoppedException;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * The phase of a worker's life cycle. Thread-safe: a stop may come from any thread, in any phase.
 */
final class RunState {
  private Phase phase = Phase.NEW;
  private @Nullable Thread starter;
  private @Nullable String unfit;
  private boolean stopped;

  /** The phases, in their order. */
  enum Phase {
    NEW,
    STARTING,
    SERVING,
    STOPPING
  }

  /**
   * Begins the start on the calling thread, which a stop interrupts from now on.
   *
   * @throws StoppedException if the worker was stopped already
   */
  synchronized void starting() {
    switch (phase) {
      case NEW -> {
        phase = Phase.STARTING;
        starter = Thread.currentThread();
      }
      case STARTING, SERVING ->
          throw new IllegalStateException("the worker has already been" + " started");
      case STOPPING -> throw new StoppedException("the worker was stopped before it started", null);
    }
  }

  synchronized void serving() {
    if (phase == Phase.STARTING) {
      phase = Phase.SERVING;
    }
  }

  /** The starting thread must not be interrupted any more. */
  synchronized void startEnded() {
    starter = null;
    notifyAll();
  }

  /** Waits for the end of a start that another thread runs; returns false if it did not end. */
  synchronized boolean awaitStartEnd(Duration atMost) throws InterruptedException {
    long deadline = System.nanoTime() + atMost.toNanos();
    while (starter != null && starter != Thread.currentThread()) {
      long left = TimeUnit.NANOSECONDS.toMillis(deadline - System.nanoTime());
      if (left <= 0) {
        return false;
      }
      wait(left);
    }
    return true;
  }

  /** Begins the stop, and interrupts a start. Returns whether this is the first stop. */
  synchronized boolean stopping() {
    boolean first = phase != Phase.STOPPING;
    phase = Phase.STOPPING;
    if (starter != null) {
      starter.interrupt();
    }
    return first;
  }

  /** The worker must not go on, because its topics were changed. */
  synchronized void unfit(String why) {
    unfit = why;
    notifyAll();
  }

  synchronized void stopped() {
    stopped = true;
    notifyAll();
  }

  /**
   * Blocks until the worker is stopped, or must not go on.
   *
   * @return why it must not go on; null if it is stopped
   */
  synchronized @Nullable String awaitStop() throws InterruptedException {
    while (!stopped && (unfit == null || phase == Phase.STOPPING)) {
      wait();
    }
    return stopped ? null : unfit;
  }

  synchronized boolean isStopping() {
    return phase == Phase.STOPPING;
  }

  synchronized Phase phase() {
    return phase;
  }
}
