/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.kafka.KafkaClients;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Both Kafka consumers learn the end of a partition, even if nobody waits for it. */
@Tag("engine")
@Tag("kafka")
class TrackedPartitionsIT {
  @ParameterizedTest
  @ValueSource(strings = {"consumer", "classic"})
  void recordsThatComeWhileAPartitionIsPausedAreLag(String protocol) throws Exception {
    try (Deployment deployment =
        new Deployment()
            .with("ZCBOT_TOPICS_PARTITIONS", "1")
            .with("ZCBOT_KAFKA_GROUP_PROTOCOL", protocol)) {
      deployment.createTopics();
      TopicPartition ensures = new TopicPartition(deployment.topic(Topic.ENSURE), 0);
      TrackedPartitions tracked = new TrackedPartitions(1);
      tracked.add(ensures, new OffsetAndMetadata(0));
      try (Consumer<byte[], byte[]> consumer =
          new KafkaClients(deployment.config("a").kafka(), "a").groupConsumer(10, "a")) {
        consumer.assign(List.of(ensures));
        consumer.seek(ensures, 0);
        tracked.regulate(consumer, _ -> true, true, false);
        for (long count = 1; count <= 2; count++) {
          deployment.agent().ensure(Deployment.newUser(), "e" + count, Instant.now());
          Map<Integer, Long> expected = Map.of(0, count);
          await()
              .atMost(Duration.ofSeconds(90))
              .until(
                  () -> {
                    consumer.poll(Duration.ofMillis(100));
                    tracked.noteLag(consumer, System.nanoTime());
                    return expected.equals(tracked.lagByPartition(ensures.topic()));
                  });
        }
      }
    }
  }
}
