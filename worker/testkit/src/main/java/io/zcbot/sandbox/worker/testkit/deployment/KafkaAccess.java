/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.deployment;

import java.util.HashMap;
import java.util.Locale;
import java.util.Map;

/**
 * Where Kafka is, and with which client properties each party of a deployment connects.
 *
 * @param observer reads the topics for the test
 */
public record KafkaAccess(
    String bootstrapServers,
    Map<String, String> worker,
    Map<String, String> agent,
    Map<String, String> observer,
    Map<String, String> administrator) {
  /** A broker that permits everything to everybody. */
  static KafkaAccess open(String bootstrapServers) {
    return new KafkaAccess(bootstrapServers, Map.of(), Map.of(), Map.of(), Map.of());
  }

  /** The settings for one of Kafka's own clients, with additional ones. */
  Map<String, Object> client(Map<String, String> of, Map<String, String> more) {
    Map<String, Object> client = new HashMap<>(of);
    client.putAll(more);
    client.put("bootstrap.servers", bootstrapServers);
    return client;
  }

  /** Client properties as settings of a worker or a command. */
  public static Map<String, String> settings(Map<String, String> properties) {
    Map<String, String> settings = new HashMap<>();
    properties.forEach(
        (name, value) ->
            settings.put("ZCBOT_KAFKA_" + name.toUpperCase(Locale.ROOT).replace('.', '_'), value));
    return settings;
  }
}
