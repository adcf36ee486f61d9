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
import io.zcbot.sandbox.worker.kafka.Denials;
import io.zcbot.sandbox.worker.kafka.KafkaTool;
import java.time.Duration;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Creates and checks the topics. All calls block. */
public final class TopicAdmin {
  private static final Logger log = LoggerFactory.getLogger(TopicAdmin.class);

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
  private final TopicSettings settings;

  /** Uses the client, which the caller keeps and closes. */
  public TopicAdmin(Admin admin, KafkaConfig config) {
    this.admin = admin;
    this.config = config;
    this.settings = new TopicSettings(admin, config);
  }

  /**
   * The topics whose settings endanger records or workers, at most one entry per topic.
   *
   * @param idleTtl how long a sandbox may be unused
   * @throws TopicsException if Kafka does not answer
   */
  public List<TopicWeakness> weaknesses(Duration idleTtl)
      throws TopicsException, InterruptedException {
    return settled(() -> settings.weaknesses(idleTtl));
  }

  /**
   * The cluster.
   *
   * @throws TopicsException if Kafka does not answer
   */
  public Cluster cluster() throws TopicsException, InterruptedException {
    return settings.cluster();
  }

  /**
   * Checks the topics, after creating missing ones if the configuration allows it.
   *
   * @return the number of partitions that every topic has
   * @throws TopicsException if they are not usable; the message says what to do
   */
  public int verifyOrCreate() throws TopicsException, InterruptedException {
    return settled(this::verifyOrCreateOnce);
  }

  private <T> T settled(Callable<T> work) throws TopicsException, InterruptedException {
    try {
      return settling.executeCallable(work);
    } catch (TopicsException | InterruptedException | RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException("the admin client threw another exception", e);
    }
  }

  private int verifyOrCreateOnce() throws TopicsException, InterruptedException {
    Map<Topic, Integer> found = describe();
    if (found.size() < Topic.values().length && config.createTopics()) {
      create(found);
      found = describe();
      if (found.size() < Topic.values().length) {
        throw notKnownYet(config);
      }
    }
    return verify(found);
  }

  /**
   * Checks the topics and creates none.
   *
   * @return the number of partitions that every topic has
   * @throws TopicsException if they are not usable; the message says what to do
   */
  public int verify() throws TopicsException, InterruptedException {
    return verify(describe());
  }

  /**
   * The number of partitions of each topic that exists.
   *
   * @throws TopicsException if Kafka does not answer
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
          throw failed(config, "describe topic " + name(topic), AclOperation.DESCRIBE, e);
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
          "could not use the topics on "
              + config.bootstrapServers()
              + ": these topics do not exist: "
              + String.join(", ", missing)
              + "; create them with 'topics create', or set ZCBOT_TOPICS_CREATE=true so that the"
              + " worker creates them",
          null);
    }
    requireOneCount(found);
    settings.require();
    return Collections.max(found.values());
  }

  private void requireOneCount(Map<Topic, Integer> found) throws TopicsException {
    if (Set.copyOf(found.values()).size() > 1) {
      throw TopicsException.refusal(
          "tried to use the topics on "
              + config.bootstrapServers()
              + ", failed because their partition counts differ: "
              + counts(found)
              + "; all must be the same, so that a user's records lie in partitions of one number."
              + " Stop all workers, then run: "
              + raise(found),
          null);
    }
  }

  /**
   * Why a worker must not go on: somebody changed the number of partitions.
   *
   * @param served the number of partitions when it began to serve
   * @return what was changed and what to do; null if nothing was
   * @throws TopicsException if Kafka does not answer
   */
  public @Nullable String change(int served) throws TopicsException, InterruptedException {
    Map<Topic, Integer> found = describe();
    if (found.values().stream().allMatch(count -> count == served)) {
      return null;
    }
    String raise = raise(found);
    return "can't go on: it serves users by "
        + served
        + " partitions of each topic on "
        + config.bootstrapServers()
        + ", but somebody changed their number ("
        + (raise.isEmpty() ? "all have " + Collections.max(found.values()) : counts(found))
        + "), and with it the partitions of most users. "
        + (raise.isEmpty()
            ? "Start all workers again"
            : "Stop all workers with ZCBOT_RESTART=purge, then run: "
                + raise
                + ", then start them again");
  }

  private String counts(Map<Topic, Integer> found) {
    return found.entrySet().stream()
        .map(e -> name(e.getKey()) + " has " + e.getValue())
        .collect(joining(", "));
  }

  private String raise(Map<Topic, Integer> found) {
    int most = Collections.max(found.values());
    return found.entrySet().stream()
        .filter(e -> e.getValue() < most)
        .map(e -> " --alter --topic " + name(e.getKey()) + " --partitions " + most)
        .map(options -> KafkaTool.line("kafka-topics.sh", config) + options)
        .collect(joining(" && "));
  }

  /**
   * Creates missing topics. The first topic decides the number of partitions, and only one worker
   * creates it: workers that start together with different settings must not create topics with
   * different numbers.
   */
  private void create(Map<Topic, Integer> existing) throws TopicsException, InterruptedException {
    int partitions =
        existing.values().stream().max(Comparator.naturalOrder()).orElse(config.partitions());
    if (!existing.containsKey(Topic.ENSURE) && !create(Topic.ENSURE, partitions)) {
      throw notKnownYet(config);
    }
    for (Topic topic : Topic.values()) {
      if (topic != Topic.ENSURE && !existing.containsKey(topic)) {
        create(topic, partitions);
      }
    }
  }

  /** Returns whether this call created the topic. */
  private boolean create(Topic topic, int partitions) throws TopicsException, InterruptedException {
    Optional<Short> replication =
        config.replicationFactor() < 0 ? Optional.empty() : Optional.of(config.replicationFactor());
    NewTopic wanted =
        new NewTopic(name(topic), Optional.of(partitions), replication)
            .configs(TopicSettings.atCreation(topic));
    try {
      admin.createTopics(List.of(wanted)).all().get();
      log.info("created topic {} with {} partitions", name(topic), partitions);
      return true;
    } catch (ExecutionException e) {
      if (e.getCause() instanceof TopicExistsException) {
        return false;
      }
      throw failed(config, "create topic " + name(topic), AclOperation.CREATE, e);
    }
  }

  static TopicsException notKnownYet(KafkaConfig config) {
    return TopicsException.settling(
        "could not use the topics on "
            + config.bootstrapServers()
            + ": the brokers do not know all new topics yet; try again");
  }

  static TopicsException failed(
      KafkaConfig config, String what, AclOperation needed, ExecutionException e) {
    Throwable cause = e.getCause() == null ? e : e.getCause();
    boolean passing = cause instanceof RetriableException;
    String message =
        "could not "
            + what
            + " on "
            + config.bootstrapServers()
            + ": "
            + Denials.reason(needed, cause, cause.toString())
            + "; "
            + (passing
                ? "check that Kafka runs there and that ZCBOT_KAFKA_BOOTSTRAP_SERVERS is right"
                : "check the worker's permissions in Kafka and the ZCBOT_KAFKA_* and ZCBOT_TOPICS_*"
                    + " settings");
    return passing
        ? TopicsException.passing(message, cause)
        : TopicsException.refusal(message, cause);
  }

  private String name(Topic topic) {
    return topic.named(config.topicPrefix());
  }
}
