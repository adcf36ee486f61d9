/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import io.zcbot.sandbox.worker.base.Threads;
import io.zcbot.sandbox.worker.base.Time;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Checks whether a polling thread is alive and completes its rounds. Each wait within a round is
 * far shorter than the limit, so a thread that exceeds the limit is stuck, and only a restart
 * helps.
 */
final class LoopMonitor {
  /** Longest time between two rounds. */
  static final Duration LIMIT = Duration.ofMinutes(1);

  private final Thread thread;
  private final Time time;
  private volatile long lastRound;
  private volatile boolean started;
  private volatile boolean stopping;

  LoopMonitor(Thread thread, Time time) {
    this.thread = thread;
    this.time = time;
  }

  void start() {
    lastRound = time.nanos();
    started = true;
    Threads.start(thread);
  }

  /** The thread begins another round. */
  void round() {
    lastRound = time.nanos();
  }

  /** From now on the thread is expected to end. */
  void stopping() {
    stopping = true;
  }

  /** Why only a restart of the worker helps; null while the thread works. Any thread. */
  @Nullable String problem() {
    if (!started || stopping) {
      return null;
    }
    if (!thread.isAlive()) {
      return "thread " + thread.getName() + " has ended";
    }
    Duration since = Duration.ofNanos(time.nanos() - lastRound);
    return since.compareTo(LIMIT) > 0
        ? "thread " + thread.getName() + " has been stuck for " + since.toSeconds() + " s"
        : null;
  }
}
