/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import static java.util.stream.Collectors.joining;

import io.github.resilience4j.retry.Retry;
import io.github.resilience4j.retry.RetryConfig;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.config.KafkaConfig;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Makes sure that the topics exist and are what the contract needs. */
public final class TopicAdmin {
  private static final Logger log = LoggerFactory.getLogger(TopicAdmin.class);

  /** Room for the largest record of an input (the broker's 1 MiB) and our headers around it. */
  private static final String DEAD_LETTER_BYTES = "2097152";

  private static final String LIVE_SEGMENT_BYTES = "8388608";
  private static final String LIVE_TOMBSTONES_MS = "3600000";

  private final Retry settling =
      Retry.of(
          "topics",
          RetryConfig.custom()
              .maxAttempts(100)
              .waitDuration(Duration.ofMillis(100))
              .retryOnException(e -> e instanceof TopicsException t && t.isSettling())
              .build());

  private final Admin admin;
  private final KafkaConfig config;

  /** Uses the client, which stays the caller's. */
  public TopicAdmin(Admin admin, KafkaConfig config) {
    this.admin = admin;
    this.config = config;
  }

  /**
   * Checks the topics, after creating missing ones where the configuration allows it.
   *
   * @return the number of partitions every topic has
   * @throws TopicsException if they are not usable; the message says what to do
   */
  public int verifyOrCreate() throws TopicsException, InterruptedException {
    try {
      return settling.executeCallable(this::verifyOrCreateOnce);
    } catch (TopicsException | InterruptedException | RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException("nothing else is thrown", e);
    }
  }

  private int verifyOrCreateOnce() throws TopicsException, InterruptedException {
    Map<Topic, Integer> found = describe();
    if (found.size() < Topic.values().length && config.createTopics()) {
      create(found);
      found = describe();
      if (found.size() < Topic.values().length) {
        throw notKnownYet();
      }
    }
    return verify(found);
  }

  /**
   * Checks the topics and creates none.
   *
   * @return the number of partitions every topic has
   * @throws TopicsException if they are not usable; the message says what to do
   */
  public int verify() throws TopicsException, InterruptedException {
    return verify(describe());
  }

  /**
   * Each topic's number of partitions; topics that don't exist are not in it.
   *
   * @throws TopicsException if Kafka does not tell
   */
  public Map<Topic, Integer> describe() throws TopicsException, InterruptedException {
    Map<String, KafkaFuture<TopicDescription>> answers =
        admin
            .describeTopics(Arrays.stream(Topic.values()).map(this::name).toList())
            .topicNameValues();
    Map<Topic, Integer> found = new EnumMap<>(Topic.class);
    for (Topic topic : Topic.values()) {
      KafkaFuture<TopicDescription> answer = answers.get(name(topic));
      if (answer == null) {
        continue;
      }
      try {
        found.put(topic, answer.get().partitions().size());
      } catch (ExecutionException e) {
        if (!(e.getCause() instanceof UnknownTopicOrPartitionException)) {
          throw failed("look at topic " + name(topic), e);
        }
      }
    }
    return found;
  }

  private int verify(Map<Topic, Integer> found) throws TopicsException, InterruptedException {
    List<String> missing =
        Arrays.stream(Topic.values())
            .filter(topic -> !found.containsKey(topic))
            .map(this::name)
            .toList();
    if (!missing.isEmpty()) {
      throw TopicsException.refusal(
          "tried to use the topics on "
              + config.bootstrapServers()
              + ", failed because these don't exist: "
              + String.join(", ", missing)
              + "; create them with 'topics create', or let the worker do it with"
              + " ZCBOT_TOPICS_CREATE=true",
          null);
    }
    requireOneCount(found);
    requireSettings();
    return found.values().iterator().next();
  }

  private void requireOneCount(Map<Topic, Integer> found) throws TopicsException {
    int most = found.values().stream().mapToInt(Integer::intValue).max().orElseThrow();
    if (found.values().stream().allMatch(count -> count == most)) {
      return;
    }
    String counts =
        found.entrySet().stream()
            .map(e -> name(e.getKey()) + " has " + e.getValue())
            .collect(joining(", "));
    String remedy =
        found.entrySet().stream()
            .filter(e -> e.getValue() < most)
            .map(
                e ->
                    "kafka-topics.sh --alter --topic " + name(e.getKey()) + " --partitions " + most)
            .collect(joining(" && "));
    throw TopicsException.refusal(
        "tried to use the topics on "
            + config.bootstrapServers()
            + ", failed because their partition counts differ: "
            + counts
            + "; all must be the same, so that a user's records lie in partitions of one number."
            + " Stop all workers, then: "
            + remedy,
        null);
  }

  private void requireSettings() throws TopicsException, InterruptedException {
    List<Topic> constrained =
        Arrays.stream(Topic.values()).filter(t -> !t.requiredSettings().isEmpty()).toList();
    Map<ConfigResource, KafkaFuture<Config>> answers =
        admin.describeConfigs(constrained.stream().map(this::resource).toList()).values();
    List<String> wrong = new ArrayList<>();
    List<String> remedies = new ArrayList<>();
    for (Topic topic : constrained) {
      Config actual = config(topic, answers.get(resource(topic)));
      new TreeMap<>(topic.requiredSettings())
          .forEach(
              (setting, value) -> {
                ConfigEntry entry = actual.get(setting);
                String is = entry == null ? "nothing" : String.valueOf(entry.value());
                if (!is.equals(value)) {
                  wrong.add(name(topic) + " has " + setting + "=" + is + " instead of " + value);
                  remedies.add(
                      "kafka-configs.sh --alter --entity-type topics --entity-name "
                          + name(topic)
                          + " --add-config "
                          + setting
                          + "="
                          + value);
                }
              });
    }
    if (!wrong.isEmpty()) {
      throw TopicsException.refusal(
          "tried to use the topics on "
              + config.bootstrapServers()
              + ", failed because "
              + String.join(", ", wrong)
              + ": one clock, the brokers', must order ensures and activities, and what is live must"
              + " outlast retention. Do: "
              + String.join(" && ", remedies),
          null);
    }
  }

  private Config config(Topic topic, @Nullable KafkaFuture<Config> answer)
      throws TopicsException, InterruptedException {
    try {
      return answer == null ? new Config(List.of()) : answer.get();
    } catch (ExecutionException e) {
      if (e.getCause() instanceof UnknownTopicOrPartitionException) {
        throw notKnownYet(); // one broker described it, another one lags behind
      }
      throw failed("read the settings of topic " + name(topic), e);
    }
  }

  /**
   * The first topic decides on the number of partitions, and only one worker creates it: others
   * that start at the same time with other ideas must not mix theirs in.
   */
  private void create(Map<Topic, Integer> existing) throws TopicsException, InterruptedException {
    int partitions =
        existing.values().stream().mapToInt(Integer::intValue).max().orElse(config.partitions());
    if (!existing.containsKey(Topic.ENSURE) && !create(Topic.ENSURE, partitions)) {
      throw notKnownYet();
    }
    for (Topic topic : Topic.values()) {
      if (topic != Topic.ENSURE && !existing.containsKey(topic)) {
        create(topic, partitions);
      }
    }
  }

  /** Returns whether it was us who created it. */
  private boolean create(Topic topic, int partitions) throws TopicsException, InterruptedException {
    Optional<Short> replication =
        config.replicationFactor() < 0 ? Optional.empty() : Optional.of(config.replicationFactor());
    NewTopic wanted =
        new NewTopic(name(topic), Optional.of(partitions), replication).configs(settings(topic));
    try {
      admin.createTopics(List.of(wanted)).all().get();
      log.info("created topic {} with {} partitions", name(topic), partitions);
      return true;
    } catch (ExecutionException e) {
      if (e.getCause() instanceof TopicExistsException) {
        return false;
      }
      throw failed("create topic " + name(topic), e);
    }
  }

  private TopicsException notKnownYet() {
    return TopicsException.settling(
        "tried to use the topics on "
            + config.bootstrapServers()
            + ", failed because topics just created are not known there yet; try again");
  }

  private static Map<String, String> settings(Topic topic) {
    Map<String, String> settings = new TreeMap<>(topic.requiredSettings());
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

  private TopicsException failed(String what, ExecutionException e) {
    Throwable cause = e.getCause() == null ? e : e.getCause();
    boolean passing = cause instanceof RetriableException;
    String message =
        "tried to "
            + what
            + " on "
            + config.bootstrapServers()
            + ", failed because of "
            + cause
            + "; "
            + (passing
                ? "check that Kafka runs there and that ZCBOT_KAFKA_BOOTSTRAP_SERVERS is right"
                : "check the worker's rights on Kafka and the ZCBOT_KAFKA_* and ZCBOT_TOPICS_*"
                    + " settings");
    return passing
        ? TopicsException.passing(message, cause)
        : TopicsException.refusal(message, cause);
  }

  private ConfigResource resource(Topic topic) {
    return new ConfigResource(ConfigResource.Type.TOPIC, name(topic));
  }

  private String name(Topic topic) {
    return topic.named(config.topicPrefix());
  }
}
