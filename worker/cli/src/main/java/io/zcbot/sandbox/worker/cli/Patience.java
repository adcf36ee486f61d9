/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.worker.config.KafkaConfig;
import java.time.Duration;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;

/**
 * How long a command waits for Kafka: less than a worker, because a person waits with it.
 *
 * @param config settings with these time-outs, for the clients
 * @param answer maximum time to wait for one answer
 * @param firstAnswer maximum time to wait for the first answer of a broker that listens
 */
record Patience(KafkaConfig config, Duration answer, Duration firstAnswer) {
  private static final String GENERAL = "default.api.timeout.ms";
  private static final Duration USUAL = Duration.ofSeconds(8);
  private static final Duration USUAL_FIRST = Duration.ofSeconds(3);

  private static final Map<String, String> TIMEOUTS =
      Map.of(
          GENERAL,
          Long.toString(USUAL.toMillis()),
          "request.timeout.ms",
          "5000",
          "max.block.ms",
          "3000",
          "delivery.timeout.ms",
          "8000");

  /** Returns the usual time-outs, unless the settings have any of their own. */
  static Patience of(KafkaConfig settings) {
    Map<String, String> properties = new HashMap<>(settings.properties());
    // Kafka requires an order among its time-outs, so the settings' are not mixed with ours.
    if (Collections.disjoint(properties.keySet(), TIMEOUTS.keySet())) {
      properties.putAll(TIMEOUTS);
    }
    // A command's metrics are of no use, unless the settings say otherwise.
    properties.putIfAbsent("metric.reporters", "");
    properties.putIfAbsent("enable.metrics.push", "false");
    String general = properties.get(GENERAL);
    Duration answer = general == null ? USUAL : Duration.ofMillis(Long.parseLong(general));
    return new Patience(
        settings.withProperties(properties), answer, answer.equals(USUAL) ? USUAL_FIRST : answer);
  }
}
