/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.Worker;
import io.zcbot.sandbox.worker.testkit.InFullRuns;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.deployment.KafkaForTests;
import java.time.Duration;
import java.time.Instant;
import java.util.Objects;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.testcontainers.kafka.KafkaContainer;

/**
 * What a worker needs from Kafka, with the oldest brokers that have the group protocol of KIP-848.
 */
@Tag("engine")
@Tag("oldest-kafka")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Order(14)
@InFullRuns("the newest broker, with all other tests")
class OldestBrokerIT {
  private KafkaContainer kafka;
  private Deployment deployment;

  @BeforeAll
  void startKafka() {
    kafka =
        KafkaForTests.create(
            Objects.requireNonNull(
                System.getenv("ZCBOT_TEST_OLDEST_KAFKA_IMAGE"),
                "run this test with bin/test, which creates the image"));
    kafka.start();
  }

  @AfterAll
  void stopKafka() {
    kafka.stop();
  }

  @BeforeEach
  void deploy() throws Exception {
    deployment = new Deployment(kafka.getBootstrapServers()).withOps();
  }

  @AfterEach
  void leaveNothing() throws Exception {
    deployment.close();
  }

  @Test
  void aSandboxLivesFromItsEnsureToItsIdleReap() throws Exception {
    deployment.with("ZCBOT_SANDBOX_IDLE_TTL", "12s").start("a");
    UserId user = Deployment.newUser();
    Ready created = deployment.agent().ensured(user);
    assertThat(created.outcome()).isEqualTo(Ready.Outcome.CREATED);
    assertThat(deployment.agent().ensured(user).containerId()).isEqualTo(created.containerId());
    Instant last = Instant.now();
    for (int i = 0; i < 26; i++) {
      last = Instant.now();
      deployment.agent().activity(user);
      TimeUnit.MILLISECONDS.sleep(500);
    }
    Reaped reaped = deployment.log().awaitReaped(user, Deployment.SOON);
    assertThat(reaped.reason()).isEqualTo(Reaped.Reason.IDLE);
    assertThat(reaped.reapedAt()).as("a TTL after the last use").isAfter(last.plusSeconds(11));
    await().atMost(Deployment.SOON).until(deployment.group()::isAllCommitted);
  }

  @Test
  void aWorkerThatStopsHandsItsPartitionsOver() throws Exception {
    Worker first = deployment.start("a");
    UserId user = Deployment.newUser();
    Ready before = deployment.agent().ensured(user);
    deployment.stop(first);
    assertThat(deployment.log().awaitReaped(user, Deployment.SOON).containerId())
        .isEqualTo(before.containerId());
    deployment.start("b");
    assertThat(deployment.agent().ensured(user).workerId()).isEqualTo(deployment.workerId("b"));
  }

  @Test
  void anOutageCostsNobodyTheirSandbox() throws Exception {
    deployment.start("a");
    UserId user = Deployment.newUser();
    Ready ready = deployment.agent().ensured(user);
    KafkaForTests.freeze(kafka);
    try {
      await("longer than a session")
          .during(Duration.ofSeconds(8))
          .atMost(Deployment.SOON)
          .until(() -> deployment.host().isRunning(ready.containerId()));
    } finally {
      KafkaForTests.thaw(kafka);
    }
    assertThat(deployment.agent().ensured(user).containerId()).isEqualTo(ready.containerId());
    deployment.awaitReady();
  }
}
