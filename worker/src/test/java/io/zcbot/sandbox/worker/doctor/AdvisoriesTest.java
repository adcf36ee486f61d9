/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AdvisoriesTest {
  @ParameterizedTest
  @CsvSource({
    "1.1.11, 2",
    "1.1.12, 1",
    "1.1.15+ds1, 1",
    "v1.2.7, 1",
    "1.2.8, 0",
    "1.3.2, 1",
    "1.3.3, 0",
    "1.4.0-rc.3, 0",
    "2.0, 0",
    "unknown, 0",
    "'', 0"
  })
  void runc(String version, int advisories) {
    assertThat(Advisories.ofRunc(version)).hasSize(advisories);
  }

  @ParameterizedTest
  @CsvSource({
    "20.10.24, 2",
    "23.0.11, 1",
    "25.0.5, 1",
    "25.0.13, 0",
    "26.1.5+dfsg1, 1",
    "27.5.1, 1",
    "28.0.0, 0",
    "29.1.0, 0"
  })
  void engine(String version, int advisories) {
    assertThat(Advisories.ofEngine(version)).hasSize(advisories);
  }
}
