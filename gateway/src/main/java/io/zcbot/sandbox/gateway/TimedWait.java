/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import java.lang.ref.WeakReference;
import java.time.Duration;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;

/**
 * One wait of this thread for a client, which is interrupted if it lasts too long, and at no other
 * time. The server has no such bound. Only for virtual threads: an interrupt closes the socket that
 * such a thread waits for.
 */
final class TimedWait {
  /** How long a client may neither send nor take anything. */
  static final Duration PATIENCE = Duration.ofSeconds(60);

  private static final ScheduledThreadPoolExecutor CLOCK =
      new ScheduledThreadPoolExecutor(
          1, Thread.ofPlatform().daemon().name("slow clients").factory());

  static {
    CLOCK.setRemoveOnCancelPolicy(true); // there is one for each read and write
  }

  /** Weak, since a connection that ends within a request's head ends no wait. */
  private final WeakReference<Thread> waiter = new WeakReference<>(Thread.currentThread());

  private final Future<?> end;
  private boolean isDone;
  private boolean isInterrupted;

  /** Begins. */
  TimedWait(Duration patience) {
    end = CLOCK.schedule(this::interrupt, patience.toNanos(), TimeUnit.NANOSECONDS);
  }

  private synchronized void interrupt() {
    Thread waits = waiter.get();
    if (!isDone && waits != null) {
      isInterrupted = true;
      waits.interrupt();
    }
  }

  /** Ends it. Returns whether it was interrupted, and leaves no interrupt behind. */
  boolean done() {
    boolean _ = end.cancel(false);
    synchronized (this) {
      isDone = true;
      if (isInterrupted) {
        boolean _ = Thread.interrupted(); // unless who waited has cleared it
      }
      return isInterrupted;
    }
  }
}
