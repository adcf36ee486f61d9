/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import java.time.Duration;
import java.util.List;
import java.util.concurrent.AbstractExecutorService;
import java.util.concurrent.Callable;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/** A process's timers. Nobody waits for the result of a task, so there are no futures. */
final class SimulatedTimer extends AbstractExecutorService implements ScheduledExecutorService {
  private final Machine.Process process;
  private boolean shutDown;

  SimulatedTimer(Machine.Process process) {
    this.process = process;
  }

  /** Runs a task repeatedly, each time in a new thread but one at a time. */
  void every(Duration interval, Runnable task) {
    process.after(
        interval,
        () ->
            process
                .threads()
                .start(
                    () -> {
                      if (!shutDown) {
                        task.run();
                        every(interval, task);
                      }
                    }));
  }

  @Override
  public ScheduledFuture<?> schedule(Runnable task, long delay, TimeUnit unit) {
    process.after(
        Duration.ofNanos(unit.toNanos(delay)),
        () -> {
          if (!shutDown) {
            process.threads().start(task);
          }
        });
    return null;
  }

  @Override
  public <V> ScheduledFuture<V> schedule(Callable<V> task, long delay, TimeUnit unit) {
    schedule(
        () -> {
          try {
            task.call();
          } catch (Exception e) {
            throw new IllegalStateException(e);
          }
        },
        delay,
        unit);
    return null;
  }

  @Override
  public ScheduledFuture<?> scheduleAtFixedRate(
      Runnable task, long delay, long period, TimeUnit unit) {
    throw new UnsupportedOperationException();
  }

  @Override
  public ScheduledFuture<?> scheduleWithFixedDelay(
      Runnable task, long delay, long pause, TimeUnit unit) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void execute(Runnable task) {
    process.threads().start(task);
  }

  @Override
  public void shutdown() {
    shutDown = true;
  }

  @Override
  public List<Runnable> shutdownNow() {
    shutDown = true;
    return List.of();
  }

  @Override
  public boolean isShutdown() {
    return shutDown;
  }

  @Override
  public boolean isTerminated() {
    return shutDown;
  }

  @Override
  public boolean awaitTermination(long time, TimeUnit unit) {
    return shutDown;
  }
}
