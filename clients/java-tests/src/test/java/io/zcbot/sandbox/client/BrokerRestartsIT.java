/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Many ensures while the broker is restarted, with a real worker and a stand-in for the engine.
 * With {@code -Dzcbot.client.ensures=100000 -Dzcbot.client.restart.seconds=20}, this is the load
 * test.
 */
@Timeout(value = 2, unit = TimeUnit.HOURS)
class BrokerRestartsIT {
  private static final int ENSURES = Integer.getInteger("zcbot.client.ensures", 2_000);

  /** 0: once, when half of the ensures are answered. */
  private static final int EVERY = Integer.getInteger("zcbot.client.restart.seconds", 0);

  private static final int USERS = 40;
  private static final int AT_A_TIME = 100;

  @Test
  void everyEnsureIsAnsweredWhileTheBrokerIsRestarted() throws Exception {
    long began = System.nanoTime();
    Map<String, Integer> outcomes = new ConcurrentHashMap<>();
    AtomicInteger done = new AtomicInteger();
    int restarts = 0;
    EnsureOptions patient = EnsureOptions.DEFAULT.within(Duration.ofMinutes(3));
    try (TestBed bed = TestBed.withoutSandboxes().with("ZCBOT_SANDBOX_MAX", "100").start();
        SandboxClient client = bed.client();
        ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<String> users = Stream.generate(TestBed::newUser).limit(USERS).toList();
      Semaphore turns = new Semaphore(AT_A_TIME);
      // The last quarter is asked for once the broker is away, however late this thread gets to it.
      Semaphore allowed = new Semaphore(EVERY == 0 ? ENSURES * 3 / 4 : ENSURES);
      Thread asking =
          Thread.ofPlatform()
              .start(
                  () -> {
                    for (int i = 0; i < ENSURES; i++) {
                      String user = users.get(i % USERS);
                      allowed.acquireUninterruptibly();
                      turns.acquireUninterruptibly();
                      threads.submit(
                          () -> {
                            String outcome;
                            try {
                              outcome = client.sandbox(user).ensure(patient).outcome().wire();
                            } catch (Exception e) {
                              outcome = String.valueOf(e);
                            }
                            outcomes.merge(outcome, 1, Integer::sum);
                            done.incrementAndGet();
                            turns.release();
                          });
                    }
                  });
      long restarted = System.nanoTime();
      while (done.get() < ENSURES) {
        boolean isTime =
            EVERY == 0
                ? restarts == 0 && done.get() >= ENSURES / 2
                : System.nanoTime() - restarted > TimeUnit.SECONDS.toNanos(EVERY);
        if (isTime) {
          bed.stopBroker();
          allowed.release(ENSURES);
          bed.startBroker();
          restarts++;
          restarted = System.nanoTime();
        }
        TimeUnit.MILLISECONDS.sleep(20);
      }
      asking.join();
    }
    System.out.printf(
        "%d ensures in %d s with %d restarts of the broker: %s%n",
        ENSURES, TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - began), restarts, outcomes);
    assertThat(restarts).isPositive();
    assertThat(outcomes.keySet()).isSubsetOf("created", "reused", "recreated", "claimed");
    assertThat(outcomes.values().stream().mapToInt(Integer::intValue).sum()).isEqualTo(ENSURES);
  }

  @Test
  void withoutAWorkerThereIsNoAnswerWithinTheDeadline() throws Exception {
    try (TestBed bed = TestBed.withoutSandboxes();
        SandboxClient client = bed.client()) {
      EnsureOptions brief = EnsureOptions.DEFAULT.within(Duration.ofSeconds(2));
      Sandbox sandbox = client.sandbox(TestBed.newUser());
      // What the brokers know may come later than that.
      await()
          .atMost(Duration.ofMinutes(2))
          .untilAsserted(
              () ->
                  assertThatThrownBy(() -> sandbox.ensure(brief))
                      .isInstanceOf(SandboxException.class)
                      .hasMessageContaining("does not exist"));
      for (String topic :
          List.of("ensure", "ready", "failed", "exec", "exited", "output", "input")) {
        bed.createTopic("sandbox." + topic, 2);
      }
      await()
          .atMost(Duration.ofMinutes(2))
          .untilAsserted(
              () ->
                  assertThatThrownBy(() -> sandbox.ensure(brief))
                      .isInstanceOf(NoAnswerException.class)
                      .hasMessageContaining("check that a worker runs"));
      bed.stopBroker();
      long began = System.nanoTime();
      assertThatThrownBy(() -> client.sandbox(TestBed.newUser()).ensure(brief))
          .isInstanceOf(NoAnswerException.class);
      assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(60));
      bed.startBroker();
    }
  }
}
