/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import io.zcbot.sandbox.events.Topic;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/**
 * Settings of the connection to Kafka and of the topics.
 *
 * @param properties properties of every Kafka client, as given; always contain {@code
 *     bootstrap.servers}
 * @param groupId the consumer group that distributes the users among the workers
 * @param topicPrefix prefix of all topic names
 * @param createTopics whether missing topics are created
 * @param partitions number of partitions of created topics
 * @param replicationFactor of created topics; -1 for the broker's default
 */
public record KafkaConfig(
    Map<String, String> properties,
    String groupId,
    String topicPrefix,
    boolean createTopics,
    int partitions,
    short replicationFactor) {
  private static final Kind<String> NAME =
      Kind.text("1 to 200 letters, digits, dots, dashes, underscores", "[A-Za-z0-9._-]{1,200}");

  /**
   * Limit of the records that wait to be published, unless {@code buffer.memory} is given. Streamed
   * output, and large and diverted records have shares of it, so that none of them fills it.
   */
  public static final int DEFAULT_BUFFER_MEMORY = 8 * 1024 * 1024;

  /** Prefix of environment variables that set a property of the Kafka clients. */
  static final String PREFIX = "ZCBOT_KAFKA_";

  public KafkaConfig {
    properties = Map.copyOf(properties);
  }

  static KafkaConfig read(SettingsReader in) {
    Kind<String> brokers =
        Kind.text(
            "host:port pairs, separated by commas",
            "\\s*[A-Za-z0-9._:\\[\\]-]+:\\d{1,5}(\\s*,\\s*[A-Za-z0-9._:\\[\\]-]+:\\d{1,5})*\\s*");
    String defaultBrokers = "127.0.0.1:9092";
    String givenBrokers =
        in.findLiteral(
            PREFIX + "BOOTSTRAP_SERVERS",
            defaultBrokers,
            brokers,
            "Kafka brokers to connect to first. Any other ZCBOT_KAFKA_<PROPERTY> sets a property"
                + " of the Kafka clients: ZCBOT_KAFKA_SASL_MECHANISM sets sasl.mechanism.");
    Kind<Path> path =
        Kind.path("/etc/zcbot/kafka.properties")
            .as("an absolute path of a readable Java properties file");
    String fileKey = PREFIX + "PROPERTIES_FILE";
    Path file =
        in.find(
            fileKey,
            "none",
            path,
            "File with Kafka client properties, e.g. for SASL and TLS; also with those of plug-ins,"
                + " which no variable can set. Environment variables take precedence.");
    KafkaProperties properties = new KafkaProperties(in::problem, brokers);
    if (file != null) {
      properties.addFile(fileKey, file, path.allowed());
    }
    properties.addEnvironment(PREFIX, in.others(PREFIX), fileKey);
    Map<String, String> result = properties.result();
    if (givenBrokers != null) {
      result.put("bootstrap.servers", givenBrokers);
    }
    result.putIfAbsent("bootstrap.servers", defaultBrokers);
    return new KafkaConfig(
        result,
        in.get(
            "ZCBOT_GROUP",
            "sandbox-workers",
            NAME,
            "Consumer group of the workers, which distributes the users among them. A group"
                + " with another name reads all ensures, execs and releases in the topics again, and"
                + " two groups with the same topics serve every user twice."),
        in.get("ZCBOT_TOPIC_PREFIX", "sandbox.", NAME, "Prefix of all topic names."),
        in.get(
            "ZCBOT_TOPICS_CREATE",
            "true",
            Kind.flag(),
            "Whether a worker creates missing topics when it starts."),
        in.get(
            "ZCBOT_TOPICS_PARTITIONS",
            "12",
            Kind.count(1, 10_000),
            "Number of partitions of topics that the worker creates, which is the maximum number"
                + " of hosts that can share the work. All topics must have the same number."),
        in.get(
                "ZCBOT_TOPICS_REPLICATION",
                "-1",
                Kind.countOrBrokersDefault(Short.MAX_VALUE),
                "Replication factor of topics that the worker creates; -1 is the broker's default.")
            .shortValue());
  }

  /**
   * The group in which workers commit their offsets of execs and releases. It has no members:
   * {@link #groupId} decides which worker reads a partition.
   */
  public String commandsGroupId() {
    return groupId + "-commands";
  }

  public String topic(Topic topic) {
    return topic.named(topicPrefix);
  }

  /** Returns a copy with other client properties. */
  public KafkaConfig withProperties(Map<String, String> others) {
    return new KafkaConfig(
        others, groupId, topicPrefix, createTopics, partitions, replicationFactor);
  }

  public KafkaConfig withCreateTopics(boolean create) {
    return new KafkaConfig(properties, groupId, topicPrefix, create, partitions, replicationFactor);
  }

  /** The configured brokers, for messages. */
  public String bootstrapServers() {
    return properties.getOrDefault("bootstrap.servers", "");
  }

  /** All components, with secrets masked. */
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
