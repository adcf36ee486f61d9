/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import static java.util.stream.Collectors.joining;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.config.KafkaConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.jspecify.annotations.Nullable;

/** The topic-level settings that topics are created with, and compared with at each start. */
final class TopicSettings {
  /**
   * Enough for the largest record of an input (the broker's 1 MiB) and the headers of a dead
   * letter.
   */
  private static final String DEAD_LETTER_BYTES = "2097152";

  private static final String LIVE_SEGMENT_BYTES = "8388608";
  private static final String LIVE_TOMBSTONES_MS = "3600000";

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
      case LIVE -> {
        // It is read as a whole in each rebalance: keep what compaction has not reached small.
        settings.put(TopicConfig.SEGMENT_BYTES_CONFIG, LIVE_SEGMENT_BYTES);
        settings.put(TopicConfig.MIN_CLEANABLE_DIRTY_RATIO_CONFIG, "0.1");
        settings.put(TopicConfig.DELETE_RETENTION_MS_CONFIG, LIVE_TOMBSTONES_MS);
      }
      case ENSURE, ACTIVITY, READY, REAPED, FAILED -> {}
    }
    return settings;
  }

  /**
   * Compares the settings that the contract relies on.
   *
   * @throws TopicsException if one is not in force, or Kafka does not tell
   */
  void require() throws TopicsException, InterruptedException {
    List<Deviation> wrong = deviations(Topic::requiredSettings);
    if (!wrong.isEmpty()) {
      throw TopicsException.refusal(
          "could not use the topics on "
              + config.bootstrapServers()
              + ": "
              + wrong.stream().map(Deviation::text).collect(joining(", "))
              + "; ensures and activities must be ordered by the brokers' clock, and the live"
              + " table must be compacted. Run: "
              + wrong.stream().map(Deviation::remedy).collect(joining(" && ")),
          null);
    }
  }

  /** Recommended settings that are not in force, each with the command that sets it. */
  List<String> weaknesses() throws TopicsException, InterruptedException {
    return deviations(Topic::recommendedSettings).stream()
        .map(
            each ->
                each.text()
                    + ", so that a small compressed record can exhaust the worker's memory. Run: "
                    + each.remedy())
        .toList();
  }

  /** A setting that is not as it should be. */
  private record Deviation(String topic, String setting, String is, String wanted) {
    String text() {
      return topic + " has " + setting + "=" + is + " instead of " + wanted;
    }

    String remedy() {
      return "kafka-configs.sh --alter --entity-type topics --entity-name "
          + topic
          + " --add-config "
          + setting
          + "="
          + wanted;
    }
  }

  private List<Deviation> deviations(Function<Topic, Map<String, String>> wanted)
      throws TopicsException, InterruptedException {
    List<Topic> constrained =
        Arrays.stream(Topic.values()).filter(topic -> !wanted.apply(topic).isEmpty()).toList();
    Map<ConfigResource, KafkaFuture<Config>> answers =
        admin.describeConfigs(constrained.stream().map(this::resource).toList()).values();
    List<Deviation> deviations = new ArrayList<>();
    for (Topic topic : constrained) {
      Config actual = config(topic, answers.get(resource(topic)));
      new TreeMap<>(wanted.apply(topic))
          .forEach(
              (setting, value) -> {
                ConfigEntry entry = actual.get(setting);
                String is = entry == null ? "nothing" : String.valueOf(entry.value());
                if (!is.equals(value)) {
                  deviations.add(new Deviation(name(topic), setting, is, value));
                }
              });
    }
    return deviations;
  }

  private Config config(Topic topic, @Nullable KafkaFuture<Config> answer)
      throws TopicsException, InterruptedException {
    try {
      return answer == null ? new Config(List.of()) : answer.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof UnknownTopicOrPartitionException) {
        throw TopicAdmin.notKnownYet(config); // one broker described it, another one lags behind
      }
      throw TopicAdmin.failed(
          config, "read the settings of topic " + name(topic), AclOperation.DESCRIBE_CONFIGS, e);
    }
  }

  private ConfigResource resource(Topic topic) {
    return new ConfigResource(ConfigResource.Type.TOPIC, name(topic));
  }

  private String name(Topic topic) {
    return topic.named(config.topicPrefix());
  }
}
