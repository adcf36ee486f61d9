/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.InstantSource;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class FleetFollowerTest {
  @Test
  void whatItDoesNotExpectIsShownAndItTriesAgain() throws Exception {
    TestFleet fleet = new TestFleet();
    Semaphore tries = new Semaphore(0);
    try (FleetFollower _ =
        FleetFollower.start(
            () -> {
              tries.release();
              throw new ArithmeticException("long overflow");
            },
            "sandbox.",
            Duration.ofHours(1),
            fleet.fleet,
            InstantSource.system())) {
      assertThat(tries.tryAcquire(2, 60, TimeUnit.SECONDS)).isTrue();
      assertThat(fleet.overview().get("problem").asText()).contains("long overflow");
    }
  }
}
