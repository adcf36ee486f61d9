/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import java.time.Duration;
import java.util.Date;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/** A lock's condition. A wait with a time-out ends by simulated time. */
final class SimulatedCondition implements Condition {
  private final ReentrantLock lock;
  private final Condition condition;

  SimulatedCondition(ReentrantLock lock) {
    this.lock = lock;
    this.condition = lock.newCondition();
  }

  @Override
  public boolean await(long time, TimeUnit unit) throws InterruptedException {
    Machine.Process process = Machine.current().process();
    AtomicBoolean over = new AtomicBoolean();
    process.after(
        Duration.ofNanos(unit.toNanos(time)),
        () -> {
          if (!over.get()) {
            process.threads().start(this::wakeAll);
          }
        });
    try {
      condition.await();
    } finally {
      over.set(true);
    }
    return true; // as after any wake-up, the caller looks again
  }

  private void wakeAll() {
    lock.lock();
    try {
      condition.signalAll();
    } finally {
      lock.unlock();
    }
  }

  @Override
  public void await() throws InterruptedException {
    condition.await();
  }

  @Override
  public void awaitUninterruptibly() {
    condition.awaitUninterruptibly();
  }

  @Override
  public long awaitNanos(long nanos) throws InterruptedException {
    long deadline = Machine.current().nanos() + nanos;
    await(nanos, TimeUnit.NANOSECONDS);
    return deadline - Machine.current().nanos();
  }

  @Override
  public boolean awaitUntil(Date deadline) {
    throw new UnsupportedOperationException();
  }

  @Override
  public void signal() {
    condition.signal();
  }

  @Override
  public void signalAll() {
    condition.signalAll();
  }
}
