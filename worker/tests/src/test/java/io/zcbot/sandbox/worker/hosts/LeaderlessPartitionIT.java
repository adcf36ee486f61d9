/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.hosts;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.InFullRuns;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One partition has no leader, because the only broker that has it is away. */
@Tag("engine")
@Order(6)
@InFullRuns("SimulationTest takes the leader of a partition of each topic away")
class LeaderlessPartitionIT {
  private static final int AWAY = 2;
  private static final int BAD = 20;

  @TempDir private Path base;

  /** Nine dead letters filled the producer that all answers share, and sixteen stopped reading. */
  @Test
  void deadLettersForItHoldUpNobodysAnswers() throws Exception {
    try (BrokerCluster brokers = BrokerCluster.start(base);
        Deployment deployment = new Deployment(brokers.bootstrapServers())) {
      createDeadLetters(deployment);
      deployment.start("a");
      UserId sender = deployment.newUserOf(0);
      UserId user = deployment.newUserOf(1);
      deployment.agent().ensured(user);
      brokers.stop(AWAY);
      deployment.agent().ensured(user); // other leaders and the coordinator have moved by now
      for (int i = 0; i < BAD; i++) {
        deployment
            .agent()
            .send(
                new ProducerRecord<>(
                    deployment.topic(Topic.ENSURE),
                    0,
                    sender.toString().getBytes(UTF_8),
                    new byte[1_000_000]));
      }
      // For longer than the producer keeps a record before it gives it up.
      Duration waited = Duration.ZERO;
      for (int i = 0; i < 40; i++) {
        TimeUnit.SECONDS.sleep(1);
        long asked = System.nanoTime();
        deployment.agent().ensured(user);
        waited = waited.plusNanos(System.nanoTime() - asked);
      }
      assertThat(waited).as("for 40 answers").isLessThan(Duration.ofSeconds(120));
      brokers.restart(AWAY);
      await()
          .atMost(Deployment.SOON)
          .until(() -> deployment.log().records(Topic.DEAD_LETTER).size() >= BAD);
      await().atMost(Deployment.SOON).until(deployment.group()::isAllCommitted);
    }
  }

  /** Creates the dead-letter topic so that only its first partition is on the broker to stop. */
  private static void createDeadLetters(Deployment deployment) throws Exception {
    Map<Integer, List<Integer>> replicas = new HashMap<>();
    for (int partition = 0; partition < deployment.partitions(); partition++) {
      replicas.put(partition, List.of(partition == 0 ? AWAY : partition % AWAY));
    }
    deployment
        .group()
        .admin()
        .createTopics(
            List.of(
                new NewTopic(deployment.topic(Topic.DEAD_LETTER), replicas)
                    .configs(Map.of("min.insync.replicas", "1", "max.message.bytes", "2097152"))))
        .all()
        .get(90, TimeUnit.SECONDS);
  }
}
