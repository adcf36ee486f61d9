/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.config.KafkaConfig;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import java.util.Map;
import org.junit.jupiter.api.Test;

class PatienceTest {
  @Test
  void aCommandHasMetricsOfItsKafkaClientsOnlyIfTheSettingsSaySo() throws Exception {
    assertThat(properties(Map.of()))
        .containsEntry("metric.reporters", "")
        .containsEntry("enable.metrics.push", "false");
    assertThat(properties(Map.of("ZCBOT_KAFKA_ENABLE_METRICS_PUSH", "true")))
        .containsEntry("enable.metrics.push", "true");
  }

  private static Map<String, String> properties(Map<String, String> env) throws Exception {
    KafkaConfig given = WorkerConfig.fromEnvironment(env).kafka();
    return Patience.of(given).config().properties();
  }
}
