/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.base;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.testkit.ManualTime;
import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class TimeTest {
  private final Time time = new ManualTime(Duration.ofDays(20_000).toNanos());

  @Test
  void theAgeOfARecordCountsFromItsTimestamp() {
    assertThat(time.age(time.now().minusSeconds(1))).isEqualTo(1_000_000_000);
  }

  /** Brokers before Kafka 4 accept whatever time a producer names. */
  @Test
  void aRecordOfTheFutureHasNoAge() {
    assertThat(time.age(Instant.ofEpochMilli(Long.MAX_VALUE))).isZero();
  }

  @Test
  void aRecordOfTheFarPastIsOlderThanAnyIdleTtl() {
    assertThat(time.age(Instant.ofEpochMilli(Long.MIN_VALUE)))
        .isGreaterThan(Duration.ofDays(30).toNanos());
  }
}
