/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FetchSizeTest {
  @ParameterizedTest
  @CsvSource({"1,2048", "3,2048", "4,1536", "12,512", "100,64"})
  void brokersShareABudget(int brokers, int kib) {
    assertThat(FetchSize.of(brokers)).isEqualTo(kib * 1024);
  }

  @Test
  void aClusterThatGrewIsReported() {
    FetchSize size = new FetchSize();
    size.brokers(3);
    assertThat(size.ofEachBroker()).isEqualTo(2 * 1024 * 1024);
    size.brokers(5);
    assertThat(size.problem()).isNull();
    size.brokers(12);
    assertThat(size.ofEachBroker()).isEqualTo(512 * 1024);
    assertThat(size.problem()).contains("12 brokers").contains("24 MiB");
  }

  @Test
  void aWorkerThatStartedWithAllBrokersHasNothingToTell() {
    FetchSize size = new FetchSize();
    size.brokers(500);
    assertThat(size.ofEachBroker()).isEqualTo(64 * 1024);
    assertThat(size.problem()).isNull();
  }
}
