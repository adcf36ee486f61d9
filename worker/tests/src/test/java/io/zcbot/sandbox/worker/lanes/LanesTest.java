/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.lanes;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class LanesTest {
  private static final UserId ANNA = user(1);
  private static final UserId BEN = user(2);
  private static final Duration PLENTY = Duration.ofSeconds(60);

  private static UserId user(int number) {
    return new UserId(new UUID(0, number));
  }

  @Property(tries = 200)
  void eachUsersTasksRunInOrderAndNeverTogether(
      @ForAll @Size(min = 1, max = 200) List<@IntRange(min = 0, max = 4) Integer> users)
      throws InterruptedException {
    Lanes lanes = new Lanes(PLENTY);
    Map<Integer, List<Integer>> ran = new ConcurrentHashMap<>();
    Map<Integer, AtomicInteger> running = new ConcurrentHashMap<>();
    AtomicInteger overlaps = new AtomicInteger();
    for (int i = 0; i < users.size(); i++) {
      int user = users.get(i);
      int number = i;
      lanes.submit(
          user(user),
          () -> {
            AtomicInteger here = running.computeIfAbsent(user, _ -> new AtomicInteger());
            if (here.incrementAndGet() != 1) {
              overlaps.incrementAndGet();
            }
            Thread.yield();
            ran.computeIfAbsent(user, _ -> Collections.synchronizedList(new ArrayList<>()))
                .add(number);
            here.decrementAndGet();
          });
    }
    assertThat(lanes.awaitIdle(PLENTY)).isTrue();
    assertThat(overlaps).hasValue(0);
    ran.values().forEach(numbers -> assertThat(numbers).isSorted());
    assertThat(ran.values().stream().mapToInt(List::size).sum()).isEqualTo(users.size());
    assertThat(lanes.active()).isZero();
  }

  @Test
  void oneUsersSlowTaskDelaysNobodyElse() throws InterruptedException {
    Lanes lanes = new Lanes(PLENTY);
    CountDownLatch release = new CountDownLatch(1);
    CountDownLatch other = new CountDownLatch(1);
    lanes.submit(ANNA, () -> await(release));
    lanes.submit(BEN, other::countDown);
    assertThat(other.await(60, TimeUnit.SECONDS)).isTrue();
    assertThat(lanes.active()).isGreaterThanOrEqualTo(1);
    release.countDown();
    assertThat(lanes.awaitIdle(PLENTY)).isTrue();
  }

  @Test
  void aTaskThatThrowsLeavesTheLaneGoing() throws InterruptedException {
    Lanes lanes = new Lanes(PLENTY);
    CountDownLatch next = new CountDownLatch(1);
    lanes.submit(
        ANNA,
        () -> {
          throw new IllegalStateException("thrown by the test");
        });
    lanes.submit(ANNA, next::countDown);
    assertThat(next.await(60, TimeUnit.SECONDS)).isTrue();
  }

  @Test
  void anInterruptOfOneTaskIsNotSeenByTheNext() throws InterruptedException {
    Lanes lanes = new Lanes(PLENTY);
    AtomicInteger interrupted = new AtomicInteger();
    CountDownLatch done = new CountDownLatch(1);
    lanes.submit(ANNA, () -> Thread.currentThread().interrupt());
    lanes.submit(
        ANNA,
        () -> {
          if (Thread.currentThread().isInterrupted()) {
            interrupted.incrementAndGet();
          }
          done.countDown();
        });
    assertThat(done.await(60, TimeUnit.SECONDS)).isTrue();
    assertThat(interrupted).hasValue(0);
  }

  @Test
  void closingLetsQueuedWorkEndAndRefusesMore() {
    Lanes lanes = new Lanes(PLENTY);
    AtomicInteger ran = new AtomicInteger();
    CountDownLatch release = new CountDownLatch(1);
    lanes.submit(ANNA, () -> await(release));
    lanes.submit(ANNA, ran::incrementAndGet);
    Thread closing = Thread.ofVirtual().start(lanes::close);
    while (lanes.submit(BEN, () -> {})) {
      Thread.onSpinWait();
    }
    release.countDown();
    join(closing);
    assertThat(ran).hasValue(1);
  }

  @Test
  void closingInterruptsWhatDoesNotEndAndDropsWhatIsBehindIt() {
    Lanes lanes = new Lanes(Duration.ofMillis(500));
    CountDownLatch begun = new CountDownLatch(1);
    AtomicInteger interrupted = new AtomicInteger();
    AtomicInteger behind = new AtomicInteger();
    lanes.submit(
        ANNA,
        () -> {
          begun.countDown();
          try {
            new CountDownLatch(1).await();
          } catch (InterruptedException _) {
            interrupted.incrementAndGet();
            Thread.currentThread().interrupt();
          }
        });
    lanes.submit(ANNA, behind::incrementAndGet);
    await(begun);
    lanes.close();
    assertThat(interrupted).hasValue(1);
    assertThat(behind).hasValue(0);
    assertThat(lanes.active()).isZero();
  }

  private static void await(CountDownLatch latch) {
    try {
      assertThat(latch.await(60, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static void join(Thread thread) {
    try {
      assertThat(thread.join(PLENTY)).isTrue();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
