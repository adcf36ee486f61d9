/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.ops.Health.Status;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.Test;

class HealthTest {
  private final Health health = new Health();

  @Test
  void whatIsLimitedIsOk() throws Exception {
    health.warning("slots", () -> "no mounts here");

    assertThat(health.readiness().isOk()).isTrue();
    assertThat(health.readiness().checks())
        .containsEntry("slots", new Status.Warning("no mounts here"));
  }

  @Test
  void withoutChecksAllIsWell() throws Exception {
    assertThat(health.liveness().isOk()).isTrue();
    assertThat(health.readiness().isOk()).isTrue();
  }

  @Test
  void liveAndReadyAreTwoThings() throws Exception {
    health.live("loop", () -> null);
    health.ready("kafka", () -> "no broker answers");

    assertThat(health.liveness().isOk()).isTrue();
    assertThat(health.readiness().isOk()).isFalse();
    assertThat(health.readiness().checks())
        .isEqualTo(Map.of("kafka", new Status.Failing("no broker answers")));
  }

  @Test
  void aCheckThatThrowsFailsAndHidesNoOther() throws Exception {
    health.ready(
        "bad",
        () -> {
          throw new IllegalStateException("oops");
        });
    health.ready("good", () -> null);

    assertThat(health.readiness().checks())
        .isEqualTo(
            Map.of(
                "bad",
                new Status.Failing(
                    "the check itself failed: java.lang.IllegalStateException: oops"),
                "good",
                new Status.Ok()));
  }

  @Test
  void aCheckThatHangsFailsWithinTheLimit() throws Exception {
    Health health = new Health(Duration.ofSeconds(5));
    health.ready(
        "slow",
        () -> {
          try {
            Thread.sleep(Duration.ofMinutes(1));
          } catch (InterruptedException _) {
            Thread.currentThread().interrupt();
          }
          return null;
        });
    health.ready("good", () -> null);

    assertThat(health.readiness().checks())
        .isEqualTo(
            Map.of(
                "slow",
                new Status.Failing("the check did not answer within 5000 ms"),
                "good",
                new Status.Ok()));
  }
}
