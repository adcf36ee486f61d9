/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.Worker;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.publish.TopicsException;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.NewPartitions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Somebody increased the number of partitions: workers stop, and serve once all topics have it. */
@Tag("engine")
@Tag("kafka")
@Order(20)
class RaisedPartitionsIT {
  private static final int RAISED = 8;

  private Deployment deployment;

  @BeforeEach
  void deploy() throws Exception {
    deployment = new Deployment();
  }

  @AfterEach
  void leaveNothing() throws Exception {
    deployment.close();
  }

  private void raise(List<Topic> topics) throws Exception {
    deployment
        .group()
        .admin()
        .createPartitions(
            topics.stream()
                .collect(
                    Collectors.toMap(
                        topic -> deployment.topic(topic), _ -> NewPartitions.increaseTo(RAISED))))
        .all()
        .get(90, TimeUnit.SECONDS);
  }

  @Test
  void workersStopAndRefuseToStartUntilAllTopicsHaveOneNumberOfPartitions() throws Exception {
    Worker worker = deployment.start("a");
    UserId user = Deployment.newUser();
    deployment.agent().ensured(user);

    raise(List.of(Topic.ENSURE));
    assertThat(CompletableFuture.supplyAsync(() -> endOf(worker)).get(120, TimeUnit.SECONDS))
        .contains(
            "serves users by 4 partitions",
            deployment.topic(Topic.ENSURE) + " has " + RAISED,
            deployment.topic(Topic.LIVE) + " has 4",
            "Stop all workers with ZCBOT_RESTART=purge, then run: ",
            "--topic " + deployment.topic(Topic.LIVE) + " --partitions " + RAISED);
    UserId late = userOfAnOldPartition();
    deployment.agent().send(Topic.ENSURE, RAISED - 1, late, "{\"user_id\":\"" + late + "\"}");
    deployment.stop(worker);
    assertThat(deployment.log().awaitReaped(user, Deployment.SOON).reason())
        .isEqualTo(Reaped.Reason.SHUTDOWN);

    Worker refusing = deployment.worker("a");
    assertThatThrownBy(refusing::start)
        .isInstanceOf(TopicsException.class)
        .hasMessageContainingAll(
            "their partition counts differ",
            "--topic " + deployment.topic(Topic.LIVE) + " --partitions " + RAISED);

    raise(Arrays.stream(Topic.values()).filter(topic -> topic != Topic.ENSURE).toList());
    deployment.worker("a").start();
    deployment.log().awaitReady(late, 1);
  }

  /** The log of the test reads the partitions that the topics had at the start. */
  private static UserId userOfAnOldPartition() {
    KeyPartitions raised = new KeyPartitions(RAISED);
    return Stream.generate(Deployment::newUser)
        .filter(user -> raised.of(user) < RAISED / 2)
        .findFirst()
        .orElseThrow();
  }

  private static String endOf(Worker worker) {
    try {
      return worker.awaitStop();
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
