/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.simulation;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;
import org.junit.jupiter.api.Test;

/** Simulated threads that interact with others in the same Java process. */
class MachineTest {
  private static final Duration SECOND = Duration.ofSeconds(1);

  private final Machine machine = new Machine(1);
  private final Machine.Process process = machine.process("p");
  private final ReentrantLock lock = new ReentrantLock();
  private final CountDownLatch held = new CountDownLatch(1);
  private final CountDownLatch release = new CountDownLatch(1);
  private final Thread holder = Thread.ofPlatform().unstarted(this::hold);

  private void hold() {
    lock.lock();
    try {
      held.countDown();
      release.await();
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    } finally {
      lock.unlock();
    }
  }

  /**
   * Simulated threads that wait, one behind the other, for a lock that a thread outside of the
   * simulation holds.
   */
  private List<Thread> waiting() throws InterruptedException {
    holder.start();
    held.await();
    List<Thread> waiting = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      waiting.add(
          process
              .threads()
              .start(
                  () -> {
                    lock.lock();
                    lock.unlock();
                  }));
    }
    machine.runFor(SECOND);
    assertThat(waiting).allMatch(Thread::isAlive);
    return waiting;
  }

  private void release() throws InterruptedException {
    release.countDown();
    holder.join();
  }

  @Test
  void threadsOfTheSimulationDisturbNobody() {
    Thread first = process.threads().start(LockSupport::park);
    process.threads().start(() -> LockSupport.unpark(first));
    machine.runFor(SECOND);
    machine.close();

    assertThat(first.isAlive()).isFalse();
    assertThat(machine.isDisturbed()).isFalse();
  }

  @Test
  void aThreadThatWaitedForOneOutsideEndsTheHistory() throws Exception {
    List<Thread> waiting = waiting();
    release();
    assertThat(machine.isDisturbed()).isTrue();

    process.threads().start(() -> {});
    assertThatThrownBy(() -> machine.runFor(SECOND)).hasMessageContaining("waited for one");
    machine.close();
    assertThat(waiting).noneMatch(Thread::isAlive);
  }

  /** Otherwise nobody would get the lock behind it. */
  @Test
  void whatBecomesFreeAfterTheEndIsTakenAllTheSame() throws Exception {
    List<Thread> waiting = waiting();
    machine.close();
    release();

    await().atMost(Duration.ofSeconds(30)).until(() -> waiting.stream().noneMatch(Thread::isAlive));
    assertThat(lock.tryLock()).isTrue();
  }
}
