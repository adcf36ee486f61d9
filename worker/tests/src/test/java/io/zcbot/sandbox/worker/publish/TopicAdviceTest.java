/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.publish;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.config.KafkaConfig;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class TopicAdviceTest {
  private static final String ALTER =
      "kafka-configs.sh --bootstrap-server k:9092 --alter --entity-type topics --entity-name ";

  private static final KafkaConfig CONFIG =
      new KafkaConfig(Map.of("bootstrap.servers", "k:9092"), "g", "sandbox.", true, 12, (short) -1);

  private final TopicAdvice advice = new TopicAdvice(CONFIG, 3, Duration.ofMinutes(5));

  @ParameterizedTest
  @EnumSource(Topic.class)
  void aTopicAsRecommendedNeedsNoAdvice(Topic topic) {
    assertThat(of(topic, Map.of(), 3)).isEmpty();
  }

  @Test
  void anAcknowledgedRecordMustBeOnTwoBrokers() {
    TopicWeakness weakness = of(Topic.READY, Map.of("min.insync.replicas", "1"), 3).orElseThrow();
    assertThat(weakness.problem()).startsWith("min.insync.replicas=1, so that");
    assertThat(weakness.remedy()).isEqualTo(ALTER + "t --add-config min.insync.replicas=2");
  }

  @Test
  void aTopicIsReplicatedWhereThereAreEnoughBrokers() {
    Map<String, String> alone = Map.of("min.insync.replicas", "1");
    TopicWeakness weakness = of(Topic.FAILED, alone, 1).orElseThrow();
    assertThat(weakness.problem()).startsWith("replication factor 1 on 3 brokers");
    assertThat(weakness.remedy())
        .startsWith("kafka-reassign-partitions.sh --bootstrap-server k:9092 --execute ");
    assertThat(
            new TopicAdvice(CONFIG, 2, Duration.ofMinutes(5))
                .of(Topic.FAILED, state(Topic.FAILED, alone, 1)))
        .isEmpty();
  }

  @ParameterizedTest
  @CsvSource({"ENSURE, compact", "READY, 'compact,delete'", "DEAD_LETTER, compact"})
  void eventsAreDeletedAndNotCompacted(Topic topic, String policy) {
    TopicWeakness weakness = of(topic, Map.of("cleanup.policy", policy), 3).orElseThrow();
    assertThat(weakness.text()).startsWith("t has cleanup.policy=" + policy + " instead of delete");
    assertThat(weakness.remedy()).isEqualTo(ALTER + "t --add-config cleanup.policy=delete");
  }

  @ParameterizedTest
  @CsvSource({
    "ACTIVITY, 299999, true",
    "READY, 0, true",
    "ACTIVITY, 300000, false",
    "READY, -1, false",
    "REAPED, 1000, false",
  })
  void usesAreRetainedForTheIdleTtl(Topic topic, String retention, boolean isWarned) {
    Optional<TopicWeakness> weakness = of(topic, Map.of("retention.ms", retention), 3);
    assertThat(weakness.isPresent()).isEqualTo(isWarned);
    weakness.ifPresent(
        each -> {
          assertThat(each.problem()).contains("retention.ms=" + retention, "the idle TTL of 300 s");
          assertThat(each.remedy()).isEqualTo(ALTER + "t --add-config retention.ms=604800000");
        });
  }

  @Test
  void settingsThatMayNotBeReadAreNotJudged() {
    assertThat(advice.of(Topic.READY, new TopicAdvice.State("t", Map.of(), 3))).isEmpty();
    assertThat(advice.of(Topic.READY, new TopicAdvice.State("t", Map.of(), 1))).isPresent();
  }

  @Test
  void oneTopicHasOneAdviceAndOneCommand() {
    TopicWeakness weakness =
        of(
                Topic.ACTIVITY,
                Map.of(
                    "compression.type", "producer",
                    "cleanup.policy", "compact",
                    "retention.ms", "1",
                    "min.insync.replicas", "1"),
                2)
            .orElseThrow();
    assertThat(weakness.remedy())
        .isEqualTo(
            ALTER
                + "t --add-config compression.type=uncompressed,cleanup.policy=delete,"
                + "retention.ms=604800000,min.insync.replicas=2");
  }

  private Optional<TopicWeakness> of(Topic topic, Map<String, String> changes, int replicas) {
    return advice.of(topic, state(topic, changes, replicas));
  }

  private static TopicAdvice.State state(Topic topic, Map<String, String> changes, int replicas) {
    Map<String, String> settings =
        new HashMap<>(
            Map.of(
                "cleanup.policy", topic.isTable() ? "compact" : "delete",
                "min.insync.replicas", "2",
                "retention.ms", "604800000"));
    settings.putAll(topic.recommendedSettings());
    settings.putAll(changes);
    return new TopicAdvice.State("t", settings, replicas);
  }
}
