/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.worker.engine.EngineException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;

@Order(2)
class TimersTest {
  private final CountDownLatch begun = new CountDownLatch(1);
  private final CountDownLatch mayEnd = new CountDownLatch(1);
  private final AtomicBoolean ended = new AtomicBoolean();

  private Timers withACheckThatRuns() throws InterruptedException {
    Timers timers = new Timers(Duration.ofMinutes(1));
    timers.everyOnEngine(
        Duration.ofMillis(1),
        "check",
        () -> {
          begun.countDown();
          try {
            mayEnd.await();
            ended.set(true);
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          }
        });
    assertThat(begun.await(60, TimeUnit.SECONDS)).isTrue();
    return timers;
  }

  @Test
  void aStopLetsTheCheckThatRunsEnd() throws Exception {
    Timers timers = withACheckThatRuns();
    Thread stop = Thread.ofVirtual().start(timers::close);
    assertThat(stop.join(Duration.ofMillis(100))).as("it waits").isFalse();
    mayEnd.countDown();
    assertThat(stop.join(Duration.ofSeconds(60))).isTrue();
    assertThat(ended).isTrue();
  }

  @Test
  void aCheckThatFailedIsNotLeftForALongInterval() {
    List<Long> runs = new CopyOnWriteArrayList<>();
    try (Timers timers = new Timers(Duration.ofMillis(20))) {
      timers.everyOnEngine(
          Duration.ofSeconds(10),
          "listing",
          () -> {
            runs.add(System.nanoTime());
            if (runs.size() == 1) {
              throw failure("list");
            }
          });
      await().until(() -> runs.size() > 1 && timers.engineProblem() == null);
      assertThat(Duration.ofNanos(runs.get(1) - runs.get(0))).isLessThan(Duration.ofSeconds(9));
    }
  }

  private static EngineException failure(String operation) {
    return new EngineException(EngineException.Kind.UNAVAILABLE, operation, "no answer", null);
  }

  @Test
  void aTaskThatFailedWithAnErrorIsRunAgain() throws Exception {
    CountDownLatch runs = new CountDownLatch(2);
    try (Timers timers = new Timers(Duration.ofMinutes(1))) {
      timers.every(
          Duration.ofMillis(1),
          () -> {
            runs.countDown();
            throw new LinkageError("of a class that could not be loaded once");
          });
      assertThat(runs.await(60, TimeUnit.SECONDS)).isTrue();
    }
  }

  @Test
  void aCheckThatSucceedsDoesNotHideOneThatFails() throws Exception {
    CountDownLatch pings = new CountDownLatch(3);
    AtomicReference<@Nullable Exception> listing = new AtomicReference<>(failure("list"));
    try (Timers timers = new Timers(Duration.ofMinutes(1))) {
      timers.everyOnEngine(
          Duration.ofMillis(1),
          "listing",
          () -> {
            switch (listing.get()) {
              case EngineException e -> throw e;
              case RuntimeException e -> throw e;
              case null, default -> {}
            }
          });
      await().until(() -> timers.engineProblem() != null);
      timers.everyOnEngine(Duration.ofMillis(1), "ping", pings::countDown);
      assertThat(pings.await(60, TimeUnit.SECONDS)).isTrue();
      assertThat(timers.engineProblem()).isEqualTo("list: no answer");

      timers.everyOnEngine(
          Duration.ofMillis(1),
          "firewall",
          () -> {
            throw failure("firewall");
          });
      await()
          .untilAsserted(
              () ->
                  assertThat(timers.engineProblem())
                      .isEqualTo("firewall: no answer; list: no answer"));

      listing.set(new IllegalStateException("a bug"));
      await()
          .untilAsserted(
              () ->
                  assertThat(timers.engineProblem())
                      .isEqualTo("firewall: no answer; java.lang.IllegalStateException: a bug"));
      listing.set(null);
      await()
          .untilAsserted(() -> assertThat(timers.engineProblem()).isEqualTo("firewall: no answer"));
    }
  }

  @Test
  void aStopDoesNotWaitForEverForACheckThatHangs() throws Exception {
    Timers timers = withACheckThatRuns();
    timers.close();
    assertThat(ended).isFalse();
    mayEnd.countDown();
  }
}
