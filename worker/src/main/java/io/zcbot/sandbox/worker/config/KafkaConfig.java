/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import java.util.Map;
import java.util.TreeMap;

/**
 * How Kafka is reached, and the topics there.
 *
 * @param properties client properties as given, for every client; {@code bootstrap.servers} is
 *     always among them
 * @param groupId the group that shares out the ensures
 * @param topicPrefix what every topic's name begins with
 * @param createTopics whether missing topics are created
 * @param partitions of created topics
 * @param replicationFactor of created topics; -1 for the broker's default
 */
public record KafkaConfig(
    Map<String, String> properties,
    String groupId,
    String topicPrefix,
    boolean createTopics,
    int partitions,
    short replicationFactor) {
  public KafkaConfig {
    properties = Map.copyOf(properties);
  }

  /** For messages: the brokers as configured. */
  public String bootstrapServers() {
    return properties.getOrDefault("bootstrap.servers", "");
  }

  /** Without the values of secrets. */
  @Override
  public String toString() {
    Map<String, String> shown = new TreeMap<>();
    properties.forEach((name, value) -> shown.put(name, KafkaProperties.masked(name, value)));
    return "KafkaConfig[properties="
        + shown
        + ", groupId="
        + groupId
        + ", topicPrefix="
        + topicPrefix
        + ", createTopics="
        + createTopics
        + ", partitions="
        + partitions
        + ", replicationFactor="
        + replicationFactor
        + "]";
  }
}
