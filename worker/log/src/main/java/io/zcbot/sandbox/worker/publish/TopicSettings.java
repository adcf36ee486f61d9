/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import static java.util.stream.Collectors.joining;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.config.KafkaConfig;
import io.zcbot.sandbox.worker.kafka.KafkaTool;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.DescribeClusterResult;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.jspecify.annotations.Nullable;

/** The topic-level settings with which topics are created and compared at each start. */
final class TopicSettings {
  /**
   * Enough for the largest record of an input (the broker's 1 MiB) and the headers of a dead
   * letter.
   */
  private static final String DEAD_LETTER_BYTES = "2097152";

  private static final String TABLE_SEGMENT_BYTES = "8388608";
  private static final String TABLE_TOMBSTONES_MS = "3600000";

  /** The active segment becomes compactable at this age, however small it is. */
  private static final String TABLE_LAG_MS = "3600000";

  private final Admin admin;
  private final KafkaConfig config;

  TopicSettings(Admin admin, KafkaConfig config) {
    this.admin = admin;
    this.config = config;
  }

  static Map<String, String> atCreation(Topic topic) {
    Map<String, String> settings = new TreeMap<>(topic.requiredSettings());
    settings.putAll(topic.recommendedSettings());
    switch (topic) {
      case DEAD_LETTER -> settings.put(TopicConfig.MAX_MESSAGE_BYTES_CONFIG, DEAD_LETTER_BYTES);
      case LIVE, COMMANDS, CURRENT -> {
        // Tables are read as a whole, in each rebalance or by a starting service: keep the part
        // small that compaction has not reached.
        settings.put(TopicConfig.SEGMENT_BYTES_CONFIG, TABLE_SEGMENT_BYTES);
        settings.put(TopicConfig.MIN_CLEANABLE_DIRTY_RATIO_CONFIG, "0.1");
        settings.put(TopicConfig.DELETE_RETENTION_MS_CONFIG, TABLE_TOMBSTONES_MS);
        settings.put(TopicConfig.MAX_COMPACTION_LAG_MS_CONFIG, TABLE_LAG_MS);
      }
      case ENSURE,
          ACTIVITY,
          READY,
          REAPED,
          FAILED,
          EXEC,
          INPUT,
          STARTED,
          OUTPUT,
          EXITED,
          RELEASE,
          EXPIRING -> {}
    }
    return settings;
  }

  /**
   * Checks the settings that the contract relies on.
   *
   * @throws TopicsException if one differs, or Kafka does not answer
   */
  void require() throws TopicsException, InterruptedException {
    List<Deviation> wrong = deviations(Topic::requiredSettings);
    if (!wrong.isEmpty()) {
      throw TopicsException.refusal(
          "could not use the topics on "
              + config.bootstrapServers()
              + ": "
              + wrong.stream().map(Deviation::text).collect(joining(", "))
              + "; what agents publish must be ordered by the brokers' clock, and the tables of"
              + " sandboxes and commands must be compacted. Run: "
              + wrong.stream().map(each -> each.remedy(config)).collect(joining(" && ")),
          null);
    }
  }

  /**
   * The topics whose settings endanger records or workers, in the order of {@link Topic}.
   *
   * @param idleTtl how long a sandbox may be unused
   */
  List<TopicWeakness> weaknesses(Duration idleTtl) throws TopicsException, InterruptedException {
    Map<Topic, Config> actual = configs(List.of(Topic.values()));
    TopicAdvice advice = new TopicAdvice(config, cluster().brokers(), idleTtl);
    Map<String, KafkaFuture<TopicDescription>> described =
        admin.describeTopics(actual.keySet().stream().map(this::name).toList()).topicNameValues();
    List<TopicWeakness> weaknesses = new ArrayList<>();
    for (Map.Entry<Topic, Config> each : actual.entrySet()) {
      String name = name(each.getKey());
      Map<String, String> settings = new HashMap<>();
      each.getValue()
          .entries()
          .forEach(entry -> settings.put(entry.name(), String.valueOf(entry.value())));
      int replicas =
          answer("describe topic " + name, AclOperation.DESCRIBE, described.get(name))
              .partitions()
              .stream()
              .mapToInt(partition -> partition.replicas().size())
              .min()
              .orElse(0);
      advice
          .of(each.getKey(), new TopicAdvice.State(name, settings, replicas))
          .ifPresent(weaknesses::add);
    }
    return weaknesses;
  }

  Cluster cluster() throws TopicsException, InterruptedException {
    DescribeClusterResult described = admin.describeCluster();
    return new Cluster(
        answer("look at the cluster", AclOperation.DESCRIBE, described.clusterId()),
        answer("list the brokers", AclOperation.DESCRIBE, described.nodes()).size());
  }

  /** A setting that differs from the required one. */
  private record Deviation(String topic, String setting, String is, String wanted) {
    String text() {
      return topic + " has " + setting + "=" + is + " instead of " + wanted;
    }

    String remedy(KafkaConfig config) {
      return alteration(config, topic, setting + "=" + wanted);
    }
  }

  /** The command that sets settings of a topic. */
  static String alteration(KafkaConfig config, String topic, String settings) {
    return KafkaTool.line("kafka-configs.sh", config)
        + " --alter --entity-type topics --entity-name "
        + topic
        + " --add-config "
        + settings;
  }

  private List<Deviation> deviations(Function<Topic, Map<String, String>> wanted)
      throws TopicsException, InterruptedException {
    List<Topic> constrained =
        Arrays.stream(Topic.values()).filter(topic -> !wanted.apply(topic).isEmpty()).toList();
    List<Deviation> deviations = new ArrayList<>();
    for (Map.Entry<Topic, Config> each : configs(constrained).entrySet()) {
      Topic topic = each.getKey();
      new TreeMap<>(wanted.apply(topic))
          .forEach(
              (setting, value) -> {
                ConfigEntry entry = each.getValue().get(setting);
                String is = entry == null ? "nothing" : String.valueOf(entry.value());
                if (!is.equals(value)) {
                  deviations.add(new Deviation(name(topic), setting, is, value));
                }
              });
    }
    return deviations;
  }

  private Map<Topic, Config> configs(List<Topic> topics)
      throws TopicsException, InterruptedException {
    Map<ConfigResource, KafkaFuture<Config>> answers =
        admin.describeConfigs(topics.stream().map(this::resource).toList()).values();
    Map<Topic, Config> configs = new EnumMap<>(Topic.class);
    for (Topic topic : topics) {
      configs.put(topic, config(topic, answers.get(resource(topic))));
    }
    return configs;
  }

  /** Reads a topic's settings; empty if that is denied for a topic without requirements. */
  private Config config(Topic topic, @Nullable KafkaFuture<Config> future)
      throws TopicsException, InterruptedException {
    try {
      return answer(
          "read the settings of topic " + name(topic), AclOperation.DESCRIBE_CONFIGS, future);
    } catch (TopicsException e) {
      boolean isConstrained =
          !topic.requiredSettings().isEmpty() || !topic.recommendedSettings().isEmpty();
      if (!isConstrained && e.getCause() instanceof TopicAuthorizationException) {
        return new Config(List.of());
      }
      throw e;
    }
  }

  private <T> T answer(String what, AclOperation needed, @Nullable KafkaFuture<T> future)
      throws TopicsException, InterruptedException {
    try {
      return Objects.requireNonNull(future, what).get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof UnknownTopicOrPartitionException) {
        throw TopicAdmin.notKnownYet(config); // another broker does not know it yet
      }
      throw TopicAdmin.failed(config, what, needed, e);
    }
  }

  private ConfigResource resource(Topic topic) {
    return new ConfigResource(ConfigResource.Type.TOPIC, name(topic));
  }

  private String name(Topic topic) {
    return topic.named(config.topicPrefix());
  }
}
