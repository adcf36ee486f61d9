/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class DurationsTest {
  @ParameterizedTest
  @CsvSource({
    "0,0s",
    "1,1ms",
    "1500,1500ms",
    "1000,1s",
    "90000,90s",
    "300000,5m",
    "7200000,2h",
    "86400000,1d",
    "90000000,25h"
  })
  void areShownInTheirLargestWholeUnit(long millis, String shown) {
    assertThat(Durations.shown(Duration.ofMillis(millis))).isEqualTo(shown);
    assertThat(Durations.parse(shown)).hasMillis(millis);
  }

  @ParameterizedTest
  @CsvSource({"-5,0s", "0,0s", "59,59s", "61,1m1s", "3599,59m59s", "3660,1h1m", "90061,1d1h"})
  void agesAreRoundedForPeople(long seconds, String shown) {
    assertThat(Durations.rounded(Duration.ofSeconds(seconds))).isEqualTo(shown);
  }
}
