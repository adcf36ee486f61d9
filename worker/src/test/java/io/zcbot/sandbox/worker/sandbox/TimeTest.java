/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.startup;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.time.Instant;
import org.junit.jupiter.api.Test;

class RecoveryTest {
  private static final Instant NOW = Instant.ofEpochSecond(1_800_000_000);

  @Test
  void theAgeOfARecordCountsFromItsTimestamp() {
    assertThat(Recovery.age(1_799_999_999_000L, NOW)).isEqualTo(1_000_000_000);
  }

  /** Brokers before Kafka 4 accept whatever time a producer names. */
  @Test
  void aRecordOfTheFutureHasNoAge() {
    assertThat(Recovery.age(Long.MAX_VALUE, NOW)).isZero();
  }

  @Test
  void aRecordOfTheFarPastIsOlderThanAnyIdleTtl() {
    assertThat(Recovery.age(Long.MIN_VALUE, NOW)).isGreaterThan(Duration.ofDays(30).toNanos());
  }
}
