/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.config.KafkaConfig;
import io.zcbot.sandbox.worker.kafka.KafkaTool;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.kafka.common.config.TopicConfig;

/** Judges the settings of topics that work, but not as safely as recommended. Pure. */
final class TopicAdvice {
  /** From this number of brokers on, topics can be replicated without becoming less available. */
  private static final int ENOUGH_BROKERS = 3;

  private static final Duration DEFAULT_RETENTION = Duration.ofDays(7);
  private static final String UNLIMITED = "-1";

  /**
   * A topic as the brokers describe it.
   *
   * @param settings empty if the worker may not read them
   */
  record State(String name, Map<String, String> settings, int replicas) {
    String setting(String key) {
      return settings.getOrDefault(key, "nothing");
    }
  }

  private final KafkaConfig config;
  private final int brokers;
  private final Duration idleTtl;

  /** Creates advice for a cluster of so many brokers, and workers with this idle TTL. */
  TopicAdvice(KafkaConfig config, int brokers, Duration idleTtl) {
    this.config = config;
    this.brokers = brokers;
    this.idleTtl = idleTtl;
  }

  /** What should be changed about a topic; empty if it is as recommended. */
  Optional<TopicWeakness> of(Topic topic, State state) {
    List<String> problems = new ArrayList<>();
    List<String> settings = new ArrayList<>();
    if (!state.settings().isEmpty()) {
      judgeSettings(topic, state, problems, settings);
    }
    List<String> commands = new ArrayList<>();
    if (!settings.isEmpty()) {
      commands.add(TopicSettings.alteration(config, state.name(), String.join(",", settings)));
    }
    if (state.replicas() == 1 && brokers >= ENOUGH_BROKERS) {
      problems.add(
          "replication factor 1 on "
              + brokers
              + " brokers, so that the loss of one broker loses its records");
      commands.add(
          KafkaTool.line("kafka-reassign-partitions.sh", config)
              + " --execute --reassignment-json-file FILE, with 3 replicas of each partition in"
              + " FILE");
    }
    return problems.isEmpty()
        ? Optional.empty()
        : Optional.of(
            new TopicWeakness(
                state.name(), String.join(", and ", problems), String.join(" && ", commands)));
  }

  private void judgeSettings(
      Topic topic, State state, List<String> problems, List<String> settings) {
    new TreeMap<>(topic.recommendedSettings())
        .forEach(
            (key, wanted) -> {
              if (!state.setting(key).equals(wanted)) {
                problems.add(
                    "%s=%s instead of %s, so that a small compressed record can exhaust the worker's memory"
                        .formatted(key, state.setting(key), wanted));
                settings.add(key + "=" + wanted);
              }
            });
    judgeCleanup(topic, state, problems, settings);
    judgeRetention(topic, state, problems, settings);
    if (state.replicas() > 1
        && state.setting(TopicConfig.MIN_IN_SYNC_REPLICAS_CONFIG).equals("1")) {
      problems.add(
          TopicConfig.MIN_IN_SYNC_REPLICAS_CONFIG
              + "=1, so that the loss of one broker can lose acknowledged records");
      settings.add(TopicConfig.MIN_IN_SYNC_REPLICAS_CONFIG + "=2");
    }
  }

  /** Tables are not judged: their cleanup policy is a required setting. */
  private static void judgeCleanup(
      Topic topic, State state, List<String> problems, List<String> settings) {
    String policy = state.setting(TopicConfig.CLEANUP_POLICY_CONFIG);
    if (!topic.isTable() && !policy.equals(TopicConfig.CLEANUP_POLICY_DELETE)) {
      problems.add(
          TopicConfig.CLEANUP_POLICY_CONFIG
              + "="
              + policy
              + " instead of delete, so that records are lost or never removed");
      settings.add(TopicConfig.CLEANUP_POLICY_CONFIG + "=" + TopicConfig.CLEANUP_POLICY_DELETE);
    }
  }

  /** Retention must cover the idle TTL, since a start reads the last uses from these topics. */
  private void judgeRetention(
      Topic topic, State state, List<String> problems, List<String> settings) {
    String retention = state.settings().getOrDefault(TopicConfig.RETENTION_MS_CONFIG, UNLIMITED);
    boolean isRead = topic == Topic.ACTIVITY || topic == Topic.READY;
    if (isRead && !retention.equals(UNLIMITED) && Long.parseLong(retention) < idleTtl.toMillis()) {
      long wanted = Math.max(DEFAULT_RETENTION.toMillis(), 2 * idleTtl.toMillis());
      problems.add(
          "%s=%s, which is less than the idle TTL of %d s, so that sandboxes in use can be reaped as idle after a restart"
              .formatted(TopicConfig.RETENTION_MS_CONFIG, retention, idleTtl.toSeconds()));
      settings.add(TopicConfig.RETENTION_MS_CONFIG + "=" + wanted);
    }
  }
}
