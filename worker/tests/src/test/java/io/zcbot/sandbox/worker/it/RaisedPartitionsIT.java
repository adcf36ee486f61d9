/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.Worker;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.NewPartitions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Somebody increased the number of partitions of one topic: nobody's requests are lost, and it is
 * reported.
 */
@Tag("engine")
@Tag("kafka")
@Order(20)
class RaisedPartitionsIT {
  private static final int RAISED = 8;

  private Deployment deployment;
  private Worker worker;

  @BeforeEach
  void deploy() throws Exception {
    deployment = new Deployment().withOps().with("ZCBOT_SANDBOX_IDLE_TTL", "4s");
    worker = deployment.start("a");
  }

  @AfterEach
  void leaveNothing() throws Exception {
    deployment.close();
  }

  private void raise(Topic topic) throws Exception {
    deployment
        .group()
        .admin()
        .createPartitions(Map.of(deployment.topic(topic), NewPartitions.increaseTo(RAISED)))
        .all()
        .get(90, TimeUnit.SECONDS);
  }

  /** Publishes as producers do that know the new partitions. */
  private List<UserId> ensureInEachPartition() {
    List<UserId> users = new ArrayList<>();
    for (int partition = 0; partition < RAISED; partition++) {
      int target = partition;
      UserId user = Deployment.newUser();
      users.add(user);
      await("partition " + partition)
          .atMost(Deployment.SOON)
          .ignoreExceptions()
          .until(
              () ->
                  deployment
                          .agent()
                          .send(Topic.ENSURE, target, user, "{\"user_id\":\"" + user + "\"}")
                          .partition()
                      == target);
    }
    return users;
  }

  private void assertServedAndReapedAsIdle(List<UserId> users) {
    for (UserId user : users) {
      deployment.log().awaitReady(user, 1);
    }
    for (UserId user : users) {
      assertThat(deployment.log().awaitReaped(user, Deployment.SOON).reason())
          .isEqualTo(Reaped.Reason.IDLE);
    }
  }

  private void awaitToldInReadiness() {
    await("what to do")
        .atMost(Deployment.SOON)
        .ignoreExceptions()
        .untilAsserted(
            () ->
                assertThat(deployment.ops().get("/health/ready"))
                    .satisfies(
                        answer -> {
                          assertThat(answer.statusCode()).isEqualTo(200);
                          assertThat(answer.body())
                              .contains("--partitions " + RAISED)
                              .contains(deployment.topic(Topic.LIVE));
                        }));
  }

  @Test
  void allUsersAreServedWhileOnlyEnsuresWereRaisedAndRestartsAreNotRefused() throws Exception {
    raise(Topic.ENSURE);
    assertServedAndReapedAsIdle(ensureInEachPartition());
    awaitToldInReadiness();
    deployment.stop(worker);
    Worker again = deployment.worker("a");
    again.start();
    awaitToldInReadiness();
    assertServedAndReapedAsIdle(ensureInEachPartition());
  }

  @Test
  void activityInNewPartitionsKeepsSandboxesAlive() throws Exception {
    UserId user = Deployment.newUser();
    deployment.agent().ensured(user);
    raise(Topic.ACTIVITY);
    deployment.stop(worker);
    deployment.log().awaitReaped(user, Deployment.SOON);
    deployment.with("ZCBOT_SANDBOX_IDLE_TTL", "10s").worker("a").start();
    deployment.agent().ensured(user);
    int target = deployment.home(user) + deployment.partitions();
    for (int i = 0; i < 14; i++) { // for longer than the TTL
      TimeUnit.MILLISECONDS.sleep(800);
      deployment.agent().send(Topic.ACTIVITY, target, user, "{\"user_id\":\"" + user + "\"}");
    }
    assertThat(deployment.log().reaped(user)).hasSize(1);
  }
}
