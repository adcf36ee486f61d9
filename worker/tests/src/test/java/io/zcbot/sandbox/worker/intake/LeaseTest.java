/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.base.ClockReading;
import io.zcbot.sandbox.worker.testkit.ManualTime;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.kafka.clients.CommonClientConfigs;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.junit.jupiter.api.Test;

class LeaseTest {
  private final ManualTime time = new ManualTime(0);
  private final Lease lease = new Lease(time);

  @Test
  void isNotValidBeforeTheFirstRenewal() {
    assertThat(lease.isValid()).isFalse();
    lease.renew();
    assertThat(lease.isValid()).isTrue();
  }

  @Test
  void endsWithItsTerm() {
    lease.renew();
    time.pass(Lease.TERM.minusNanos(1));
    assertThat(lease.isValid()).isTrue();
    time.pass(Duration.ofNanos(1));
    assertThat(lease.isValid()).isFalse();
  }

  /** Its partitions' next owner had run what such a machine began when it woke up. */
  @Test
  void endsWhileTheMachineSleepsThoughItsMonotonicClockStandsStill() {
    lease.renew();
    time.step(Lease.TERM);
    assertThat(lease.isAging()).isTrue();
    assertThat(lease.isValid()).isFalse();
    assertThat(countsOnceAnswered()).as("the session may end the next instant").isFalse();
    time.pass(Lease.HEARTBEAT);
    assertThat(countsOnceAnswered()).isTrue();
  }

  @Test
  void anAnswerToWhatWasAskedBeforeTheMachineSleptDoesNotCount() {
    lease.renew();
    ClockReading asked = ClockReading.now(time);
    time.step(Lease.TERM);
    lease.renew(asked);
    assertThat(lease.isValid()).isFalse();
  }

  @Test
  void aSleepBetweenTwoAnswersBeginsAnew() {
    outage();
    assertThat(countsOnceAnswered()).isFalse();
    time.step(Lease.TERM);
    time.pass(Lease.HEARTBEAT);
    assertThat(countsOnceAnswered()).isFalse();
    time.pass(Lease.HEARTBEAT);
    assertThat(countsOnceAnswered()).isTrue();
  }

  @Test
  void aWallClockThatIsSetBackMakesItNoLonger() {
    lease.renew();
    time.step(Duration.ofHours(-1));
    assertThat(lease.isValid()).isTrue();
    time.pass(Lease.TERM);
    assertThat(lease.isValid()).isFalse();
  }

  /** A session may end right behind the answer to a commit, which does not keep it. */
  @Test
  void oneAnswerAfterAnOutageIsNotEnough() {
    outage();
    assertThat(countsOnceAnswered()).isFalse();
    time.pass(Lease.HEARTBEAT.minusNanos(1));
    assertThat(countsOnceAnswered()).isFalse();
    time.pass(Duration.ofNanos(1));
    assertThat(countsOnceAnswered()).isTrue();
  }

  /** Deployments can't set more. */
  @Test
  void aClientThatKeepsKafkasDefaultsHasSentAHeartbeatByThen() {
    Map<String, Object> defaults = ConsumerConfig.configDef().defaultValues();
    for (String each : List.of("retry.backoff.ms", "retry.backoff.max.ms")) {
      double millis = ((Number) defaults.get(each)).doubleValue();
      assertThat(millis * (1 + CommonClientConfigs.RETRY_BACKOFF_JITTER))
          .isLessThan(Lease.HEARTBEAT.toMillis());
    }
  }

  private void outage() {
    lease.renew();
    time.pass(Lease.TERM);
  }

  /** The group answers the latest request. */
  private boolean countsOnceAnswered() {
    lease.renew(ClockReading.now(time));
    return lease.isValid();
  }

  @Test
  void anOutageBetweenTwoAnswersBeginsAnew() {
    outage();
    assertThat(countsOnceAnswered()).isFalse();
    time.pass(Lease.TERM);
    assertThat(countsOnceAnswered()).isFalse();
    time.pass(Lease.HEARTBEAT);
    assertThat(countsOnceAnswered()).isTrue();
  }

  /** What was asked during the outage tells nothing of a heartbeat after it. */
  @Test
  void theAnswerThatEndsAnOutageCountsFromItsArrival() {
    outage();
    ClockReading asked = ClockReading.now(time);
    time.pass(Lease.HEARTBEAT);
    lease.renew(asked);
    assertThat(countsOnceAnswered()).isFalse();
  }

  @Test
  void whoWaitsGoesOnWithTheRenewal() throws Exception {
    CompletableFuture<Boolean> waiting = waiting(new AtomicBoolean());
    assertThat(waiting.completeOnTimeout(null, 100, TimeUnit.MILLISECONDS).get()).isNull();
    CompletableFuture<Boolean> again = waiting(new AtomicBoolean());
    lease.renew();
    assertThat(again.get()).isTrue();
  }

  @Test
  void whoWaitsForNothingIsLetGo() throws Exception {
    AtomicBoolean over = new AtomicBoolean();
    CompletableFuture<Boolean> waiting = waiting(over);
    over.set(true);
    assertThat(waiting.get()).isFalse();
  }

  @Test
  void aValidLeaseOfALostPartitionDoesNotCount() throws Exception {
    lease.renew();
    assertThat(lease.awaitValid(() -> true)).isFalse();
  }

  private CompletableFuture<Boolean> waiting(AtomicBoolean over) {
    CompletableFuture<Boolean> result = new CompletableFuture<>();
    Thread.ofVirtual()
        .start(
            () -> {
              try {
                result.complete(lease.awaitValid(over::get));
              } catch (InterruptedException e) {
                result.completeExceptionally(e);
              }
            });
    return result;
  }
}
