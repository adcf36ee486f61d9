/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.startup;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.config.KafkaConfig;
import io.zcbot.sandbox.worker.kafka.KafkaClients;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

@Tag("engine")
@Tag("kafka")
class PartitionWatchIT {
  private static final int PARTITIONS = 4;

  private Deployment deployment;
  private KafkaConfig config;

  @BeforeEach
  void createTopics() throws Exception {
    deployment = new Deployment();
    deployment.createTopics();
    config = deployment.config("a").kafka();
  }

  @AfterEach
  void leaveNothing() throws Exception {
    deployment.close();
  }

  private Consumer<byte[], byte[]> member(String clientId) {
    return new KafkaClients(config, clientId).groupConsumer(10, clientId);
  }

  private static void join(Consumer<byte[], byte[]> member, String topic, int partitions) {
    member.subscribe(List.of(topic));
    await()
        .atMost(Duration.ofSeconds(90))
        .until(
            () -> {
              member.poll(Duration.ofMillis(100));
              return member.assignment().size() == partitions;
            });
  }

  @Test
  void partitionsThatAClientReadsWhichIsNoWorkerAreReported() throws Exception {
    String topic = deployment.topic(Topic.ENSURE);
    PartitionWatch watch =
        new PartitionWatch(
            new KafkaClients(config, "watch"),
            config,
            PARTITIONS,
            change -> {
              throw new AssertionError(change);
            });
    try (Consumer<byte[], byte[]> worker = member("zcbot-a")) {
      join(worker, topic, PARTITIONS);
      watch.lookNow();
      watch.lookNow();
      assertThat(watch.problem()).as("a worker reads all").isNull();
    }
    try (Consumer<byte[], byte[]> report =
        new KafkaConsumer<>(
            Map.of(
                "bootstrap.servers",
                config.bootstrapServers(),
                "group.id",
                config.groupId(),
                "group.protocol",
                "consumer",
                "client.id",
                "report"),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer())) {
      join(report, topic, PARTITIONS);
      watch.lookNow();
      assertThat(watch.problem()).as("one look proves nothing").isNull();
      watch.lookNow();
      assertThat(watch.problem()).contains("reads partitions [0, 1, 2, 3] of " + topic);
    }
  }
}
