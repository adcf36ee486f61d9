/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.publish.TopicAdmin;
import io.zcbot.sandbox.worker.publish.TopicWeakness;
import io.zcbot.sandbox.worker.publish.TopicsException;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.deployment.KafkaForTests;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.RecordTooLargeException;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * A worker creates the topics as the contract requires, or reports clearly why it does not start.
 */
@Tag("engine")
@Tag("kafka")
class TopicsIT {
  private static final Map<String, String> BROKERS_TIME =
      Map.of("message.timestamp.type", "LogAppendTime");

  private Deployment deployment;

  @BeforeEach
  void deploy() throws Exception {
    deployment = new Deployment().withOps().with("ZCBOT_TOPICS_PARTITIONS", "3");
  }

  @AfterEach
  void leaveNothing() throws Exception {
    deployment.close();
  }

  @Test
  void missingTopicsAreMade() throws Exception {
    deployment.start("a");
    Map<String, TopicDescription> topics = described();
    assertThat(topics.keySet()).containsExactlyInAnyOrderElementsOf(names());
    assertThat(topics.values()).allSatisfy(t -> assertThat(t.partitions()).hasSize(3));
    for (Topic topic : Topic.values()) {
      boolean input = topic.isInput();
      assertThat(settings(topic).get("message.timestamp.type").value())
          .isEqualTo(input ? "LogAppendTime" : "CreateTime");
    }
    deployment.agent().ensured(Deployment.newUser());
    assertThat(deployment.log().records(Topic.ENSURE).getFirst().timestampType().name)
        .isEqualTo("LogAppendTime");
  }

  @Test
  void unequalPartitionCountsAreRefused() throws Exception {
    for (Topic topic : Topic.values()) {
      create(topic, topic == Topic.REAPED ? 2 : 3, topic.isInput() ? BROKERS_TIME : Map.of());
    }
    TopicsException refusal = refusal();
    assertThat(refusal.isFinal()).isTrue();
    assertThat(refusal)
        .hasMessageContaining("partition counts differ")
        .hasMessageContaining(deployment.topic(Topic.REAPED) + " has 2")
        .hasMessageContaining(deployment.topic(Topic.ENSURE) + " has 3")
        .hasMessageContaining(
            "--alter --topic " + deployment.topic(Topic.REAPED) + " --partitions 3");
    assertThat(described().get(deployment.topic(Topic.REAPED)).partitions()).hasSize(2);
  }

  @Test
  void aSmallRecordThatIsHugeOnceDecompressedIsRefusedByTheBrokers() throws Exception {
    deployment.start("a");
    assertThat(sendOfSpaces(Topic.ENSURE)).hasCauseInstanceOf(RecordTooLargeException.class);
    assertThat(sendOfSpaces(Topic.ACTIVITY)).hasCauseInstanceOf(RecordTooLargeException.class);
    deployment.agent().ensured(Deployment.newUser());
  }

  @Test
  void topicsThatTakeSuchRecordsAreWarnedOf() throws Exception {
    for (Topic topic : Topic.values()) {
      Map<String, String> settings = new HashMap<>(topic.requiredSettings());
      if (topic == Topic.ACTIVITY) {
        settings.putAll(topic.recommendedSettings());
      }
      create(topic, 3, settings);
    }
    assertThat(sendOfSpaces(Topic.ENSURE)).isNull();
    List<TopicWeakness> weaknesses = weaknesses();
    assertThat(weaknesses)
        .extracting(TopicWeakness::topic)
        .containsExactlyElementsOf(
            Stream.of(
                    Topic.ENSURE,
                    Topic.EXEC,
                    Topic.INPUT,
                    Topic.RELEASE,
                    Topic.LIVE,
                    Topic.COMMANDS,
                    Topic.CURRENT)
                .map(deployment::topic)
                .toList());
    assertThat(weaknesses.getFirst().text())
        .contains(deployment.topic(Topic.ENSURE) + " has compression.type=producer")
        .contains(
            "--entity-name "
                + deployment.topic(Topic.ENSURE)
                + " --add-config compression.type=uncompressed");
  }

  @Test
  void topicsThatLoseRecordsAreWarnedOf() throws Exception {
    for (Topic topic : Topic.values()) {
      Map<String, String> settings = new HashMap<>(topic.requiredSettings());
      settings.putAll(topic.recommendedSettings());
      if (topic == Topic.ACTIVITY) {
        settings.put("retention.ms", "1000");
      } else if (topic == Topic.READY) {
        settings.put("cleanup.policy", "compact");
      }
      create(topic, 3, settings);
    }
    List<TopicWeakness> weaknesses = weaknesses();
    assertThat(weaknesses)
        .extracting(TopicWeakness::topic)
        .containsExactly(deployment.topic(Topic.ACTIVITY), deployment.topic(Topic.READY));
    assertThat(weaknesses.getFirst().problem()).startsWith("retention.ms=1000, which is less than");
    assertThat(weaknesses.getLast().problem()).startsWith("cleanup.policy=compact");
    assertThat(weaknesses.getLast().remedy())
        .endsWith(deployment.topic(Topic.READY) + " --add-config cleanup.policy=delete");

    deployment.start("a");
    assertThat(deployment.ops().get("/health/ready").body())
        .contains(deployment.topic(Topic.ACTIVITY) + " has retention.ms=1000");
  }

  private List<TopicWeakness> weaknesses() throws Exception {
    WorkerConfig config = deployment.config("a");
    return new TopicAdmin(deployment.group().admin(), config.kafka())
        .weaknesses(config.reaper().idleTtl);
  }

  /** Sends 20 MB of spaces, a few kilobytes with zstd; returns the error, if there was one. */
  private @Nullable Throwable sendOfSpaces(Topic topic) {
    byte[] spaces = new byte[20_000_000];
    Arrays.fill(spaces, (byte) ' ');
    Map<String, Object> settings =
        Map.of(
            "bootstrap.servers",
            KafkaForTests.bootstrapServers(),
            "compression.type",
            "zstd",
            "max.request.size",
            64 << 20,
            "buffer.memory",
            64 << 20);
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
      producer
          .send(
              new ProducerRecord<>(
                  deployment.topic(topic),
                  Deployment.newUser().toString().getBytes(StandardCharsets.UTF_8),
                  spaces))
          .get(90, TimeUnit.SECONDS);
      return null;
    } catch (Exception e) {
      return e;
    }
  }

  /**
   * Starts a worker, which must refuse. Nothing stays open then: the same worker id can start again
   * once the problem is fixed.
   */
  private TopicsException refusal() throws Exception {
    TopicsException refusal =
        catchThrowableOfType(TopicsException.class, () -> deployment.worker("a").start());
    assertThat(refusal).isNotNull();
    return refusal;
  }

  private List<String> names() {
    return Arrays.stream(Topic.values()).map(deployment::topic).toList();
  }

  private void create(Topic topic, int partitions, Map<String, String> settings) throws Exception {
    deployment
        .group()
        .admin()
        .createTopics(
            List.of(new NewTopic(deployment.topic(topic), partitions, (short) 1).configs(settings)))
        .all()
        .get(90, TimeUnit.SECONDS);
    // The broker tells of it a moment later.
    await().atMost(Deployment.SOON).until(() -> described().containsKey(deployment.topic(topic)));
  }

  private Map<String, TopicDescription> described() throws Exception {
    List<String> there =
        deployment.group().admin().listTopics().names().get(90, TimeUnit.SECONDS).stream()
            .filter(names()::contains)
            .toList();
    return deployment
        .group()
        .admin()
        .describeTopics(there)
        .allTopicNames()
        .get(90, TimeUnit.SECONDS);
  }

  private Config settings(Topic topic) throws Exception {
    ConfigResource resource =
        new ConfigResource(ConfigResource.Type.TOPIC, deployment.topic(topic));
    return deployment
        .group()
        .admin()
        .describeConfigs(List.of(resource))
        .all()
        .get(90, TimeUnit.SECONDS)
        .get(resource);
  }
}
