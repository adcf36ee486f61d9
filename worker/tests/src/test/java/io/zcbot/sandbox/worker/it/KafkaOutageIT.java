/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.deployment.KafkaForTests;
import io.zcbot.sandbox.worker.testkit.deployment.WorkerOps;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
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
 * Kafka is unavailable for longer than the idle TTL, and nobody loses a sandbox because of that.
 */
@Tag("engine")
@Tag("kafka")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Order(8)
class KafkaOutageIT {
  private static final Duration TTL = Duration.ofSeconds(10);
  private static final Duration LONG = Duration.ofMinutes(10);

  private KafkaContainer kafka;
  private Deployment deployment;

  @BeforeAll
  void startKafka() throws Exception {
    // A restart must not change the port.
    int port = WorkerOps.freePort();
    // The session time-out that is recommended: who comes back within it keeps everything.
    kafka =
        KafkaForTests.create()
            .withEnv("KAFKA_GROUP_CONSUMER_SESSION_TIMEOUT_MS", "10000")
            .withEnv("KAFKA_GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS", "1000");
    kafka.setPortBindings(List.of(port + ":9092"));
    kafka.start();
  }

  @AfterAll
  void stopKafka() {
    kafka.stop();
  }

  @BeforeEach
  void deploy() throws Exception {
    deployment =
        new Deployment(kafka.getBootstrapServers())
            .withOps()
            .with("ZCBOT_SANDBOX_IDLE_TTL", TTL.toSeconds() + "s")
            .with("ZCBOT_SANDBOX_IDLE_TTL_MAX", "1h");
  }

  @AfterEach
  void leaveNothing() throws Exception {
    try {
      var state = deployment.host().inspect(kafka.getContainerId()).getState();
      if (Boolean.TRUE.equals(state.getRunning())) {
        KafkaForTests.thaw(kafka);
      } else {
        kafka.getDockerClient().startContainerCmd(kafka.getContainerId()).exec();
      }
    } finally {
      deployment.close();
    }
  }

  @Test
  void nobodyIsReapedMeanwhileAndAllGoesOnAfterwards() throws Exception {
    deployment.start("a");
    UserId used = Deployment.newUser();
    UserId idle = Deployment.newUser();
    UserId killed = Deployment.newUser();
    List<Ready> readies = new ArrayList<>();
    // Nobody is to be reaped while somebody else's sandbox is made.
    for (UserId user : List.of(used, idle, killed)) {
      readies.add(deployment.agent().ensured(user, LONG));
    }
    deployment.awaitReady();
    UserId late = Deployment.newUser();
    deployment.agent().ensured(used);
    deployment.agent().ensured(idle);
    // On a slow machine one may have been idle for too long before.
    assertThat(deployment.log().reaped(used)).isEmpty();
    assertThat(deployment.log().reaped(idle)).isEmpty();
    // Read, but maybe not answered when Kafka goes away.
    deployment.agent().ensure(late, "late");

    KafkaForTests.freeze(kafka);
    long paused = System.nanoTime();
    deployment.host().docker().killContainerCmd(readies.get(2).containerId()).exec();
    await("health tells of Kafka")
        .atMost(Deployment.SOON)
        .until(
            () ->
                deployment.ops().notReadyBecause().entrySet().stream()
                    .anyMatch(
                        check ->
                            check.getKey().startsWith("kafka-")
                                && check.getValue().contains("Kafka")));
    assertThat(deployment.ops().get("/health/live").statusCode()).isEqualTo(200);
    // Longer than two TTLs and two reaper intervals.
    while (System.nanoTime() - paused < TTL.multipliedBy(2).plusSeconds(2).toNanos()) {
      assertThat(deployment.host().isRunning(readies.get(0).containerId())).isTrue();
      assertThat(deployment.host().isRunning(readies.get(1).containerId())).isTrue();
      TimeUnit.MILLISECONDS.sleep(250);
    }

    KafkaForTests.thaw(kafka);
    // The agent, whose Kafka was away just the same, tells as soon as it can that it works on; its
    // client has to find the brokers first.
    TimeUnit.MILLISECONDS.sleep(1500);
    assertThat(deployment.log().reaped(used)).isEmpty();
    // For longer than the TTL.
    for (int i = 0; i < 25; i++) {
      deployment.agent().activity(used);
      TimeUnit.MILLISECONDS.sleep(500);
    }
    assertThat(deployment.log().reaped(used)).isEmpty();
    assertThat(deployment.host().isRunning(readies.get(0).containerId())).isTrue();
    assertThat(deployment.log().awaitAnswer("late", Deployment.SOON)).isInstanceOf(Ready.class);
    Reaped died = deployment.log().awaitReaped(killed, Deployment.SOON);
    assertThat(died.reason()).isEqualTo(Reaped.Reason.DIED);
    assertThat(died.containerId()).isEqualTo(readies.get(2).containerId());
    assertThat(deployment.log().awaitReaped(idle, Deployment.SOON).reason())
        .isEqualTo(Reaped.Reason.IDLE);
    deployment.awaitReady();
    assertThat(deployment.log().awaitReaped(used, Deployment.SOON).reason())
        .isEqualTo(Reaped.Reason.IDLE);
    await().atMost(Deployment.SOON).until(deployment.group()::isAllCommitted);
  }

  /** What it wrote fails to be published, and it may write no more until that is in the log. */
  @Test
  void aCommandThatStreamsIsCompleteAfterwards() throws Exception {
    deployment.with("ZCBOT_KAFKA_DELIVERY_TIMEOUT_MS", "3000").start("a");
    UserId user = Deployment.newUser();
    deployment
        .agent()
        .exec(
            user,
            "streams",
            "'stream':true,'max_output_bytes':1000000,"
                + "'shell':'for i in $(seq 400); do printf %01000d $i; sleep 0.02; done'");
    await().atMost(Deployment.SOON).until(() -> !deployment.log().outputs("streams").isEmpty());
    KafkaForTests.freeze(kafka);
    // Longer than records may wait, and shorter than the group waits for a member: 10 s from the
    // last heartbeat, which was up to 1 s before.
    TimeUnit.MILLISECONDS.sleep(4_500);
    KafkaForTests.thaw(kafka);
    Exited exited = deployment.log().awaitExited("streams");
    assertThat(exited.reason()).isEqualTo(Exited.Reason.EXITED);
    // A record that failed may be in the log all the same, and comes again then.
    Map<Long, Integer> lengths = new HashMap<>();
    await()
        .atMost(Deployment.SOON)
        .until(
            () -> {
              deployment
                  .log()
                  .outputs("streams")
                  .forEach(output -> lengths.put(output.seq(), output.data().length()));
              return lengths.size() == exited.outputCount();
            });
    assertThat(lengths.values().stream().mapToInt(Integer::intValue).sum()).isEqualTo(400_000);
  }

  @Test
  void aBrokerThatCrashesAndComesBackCostsNobodyTheirSandbox() throws Exception {
    deployment.start("a");
    UserId used = Deployment.newUser();
    Ready ready = deployment.agent().ensured(used);
    kafka.getDockerClient().killContainerCmd(kafka.getContainerId()).exec();
    // With its start longer than the TTL, and than a member of a group may be silent.
    await()
        .during(TTL.plusSeconds(3))
        .atMost(Deployment.SOON)
        .until(() -> deployment.host().isRunning(ready.containerId()));
    kafka.getDockerClient().startContainerCmd(kafka.getContainerId()).exec();
    await("the broker is back")
        .atMost(Deployment.SOON)
        .ignoreExceptions()
        .until(
            () ->
                !deployment
                    .group()
                    .admin()
                    .describeCluster()
                    .nodes()
                    .get(90, TimeUnit.SECONDS)
                    .isEmpty());
    deployment.agent().ensure(used, "after");
    Ready after = (Ready) deployment.log().awaitAnswer("after", Deployment.SOON);
    assertThat(after.outcome()).isEqualTo(Ready.Outcome.REUSED);
    assertThat(after.containerId()).isEqualTo(ready.containerId());
    assertThat(deployment.log().reaped(used)).isEmpty();
    await().atMost(Deployment.SOON).until(deployment.group()::isAllCommitted);
    deployment.awaitReady();
    assertThat(deployment.log().awaitReaped(used, Deployment.SOON).reason())
        .isEqualTo(Reaped.Reason.IDLE);
  }
}
