/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.InFullRuns;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourceType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/**
 * A permission is revoked while a worker runs. Readiness names it, nobody loses a sandbox, no
 * record is lost, and everything continues when the permission is back.
 */
@Tag("engine")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Order(5)
class LostPermissionsIT {
  /** Longer than the group's session, so that the group has removed the worker. */
  private static final Duration OUT_OF_THE_GROUP = Duration.ofSeconds(8);

  /** For faults that the group does not notice: a few tries of everything. */
  private static final Duration A_WHILE = Duration.ofSeconds(3);

  private static final Set<String> OF_THE_GROUP = Set.of("kafka-ensures", "kafka-takeover");

  @TempDir private static Path directory;

  private SecureCluster cluster;
  private Deployment deployment;
  private UserId user;
  private Ready running;

  @BeforeAll
  void startWorker() throws Exception {
    cluster = SecureCluster.start(directory);
    deployment = cluster.deploy().withOps();
    cluster.allowAll(deployment);
    cluster.createTopics(deployment);
    deployment.start("a");
  }

  @AfterAll
  void leaveNothing() throws Exception {
    try {
      deployment.close();
    } finally {
      cluster.close();
    }
  }

  @BeforeEach
  void aSandboxRuns() throws Exception {
    user = Deployment.newUser();
    running = deployment.agent().ensured(user);
    deployment.awaitReady();
  }

  @AfterEach
  void restore() throws Exception {
    cluster.allowAll(deployment);
  }

  private AclBinding onTopic(AclOperation operation, Topic topic) {
    return SecureCluster.binding(
        "worker", ResourceType.TOPIC, deployment.topic(topic), PatternType.LITERAL, operation);
  }

  private interface Action {
    void run() throws Exception;
  }

  /**
   * Takes the permission away and gives it back.
   *
   * @param check the check of readiness that is to fail
   * @param named what its reason has to name
   * @param meanwhile what cannot be done without the permission
   */
  private void execsWaitWithout(AclBinding permission, String check, String named)
      throws Exception {
    String[] late = new String[1];
    without(permission, check, named, () -> late[0] = late("'command':['true']"));
    assertRan(late[0]);
  }

  private void without(AclBinding permission, String check, String named, Action meanwhile)
      throws Exception {
    cluster.forbid(permission);
    meanwhile.run();
    await("readiness names " + named)
        .atMost(Deployment.SOON)
        .untilAsserted(
            () ->
                assertThat(deployment.ops().notReadyBecause().get(check))
                    .isNotNull()
                    .contains(named));
    Duration without = OF_THE_GROUP.contains(check) ? OUT_OF_THE_GROUP : A_WHILE;
    long end = System.nanoTime() + without.toNanos();
    while (System.nanoTime() < end) {
      assertThat(deployment.ops().notReadyBecause().get(check))
          .as("all the while")
          .containsAnyOf(named, "did not answer within"); // on a busy machine
      assertThat(deployment.host().isRunning(running.containerId())).isTrue();
      TimeUnit.MILLISECONDS.sleep(100);
    }
    assertThat(deployment.ops().get("/health/live").statusCode()).isEqualTo(200);
    cluster.allow(List.of(permission));
    deployment.awaitReady();
    assertThat(deployment.log().reaped(user)).isEmpty();
    Ready again = deployment.agent().ensured(user);
    assertThat(again.containerId()).isEqualTo(running.containerId());
    assertThat(again.outcome()).isEqualTo(Ready.Outcome.REUSED);
    await().atMost(Deployment.SOON).until(deployment.group()::isAllCommitted);
  }

  private SandboxEvent answer(String ensureId) {
    return deployment.log().awaitAnswer(ensureId, Deployment.SOON);
  }

  @Test
  void toReadEnsures() throws Exception {
    String late = UUID.randomUUID().toString();
    without(
        onTopic(AclOperation.READ, Topic.ENSURE),
        "kafka-ensures",
        "Read on topic " + deployment.topic(Topic.ENSURE),
        () -> deployment.agent().ensure(Deployment.newUser(), late));
    assertThat(answer(late)).isInstanceOf(Ready.class);
  }

  @Test
  void toReadAsTheGroup() throws Exception {
    String late = UUID.randomUUID().toString();
    without(
        SecureCluster.binding(
            "worker", ResourceType.GROUP, deployment.id(), PatternType.LITERAL, AclOperation.READ),
        "kafka-ensures",
        "Read on group " + deployment.id(),
        () -> deployment.agent().ensure(Deployment.newUser(), late));
    assertThat(answer(late)).isInstanceOf(Ready.class);
  }

  private String late(String fields) throws Exception {
    String id = UUID.randomUUID().toString();
    deployment.agent().exec(user, id, fields);
    return id;
  }

  private void assertRan(String execId) {
    assertThat(deployment.log().awaitExited(execId).reason()).isEqualTo(Exited.Reason.EXITED);
    assertThat(deployment.log().exits(execId)).hasSize(1);
  }

  @Test
  void toReadExecs() throws Exception {
    execsWaitWithout(
        onTopic(AclOperation.READ, Topic.EXEC),
        "kafka-commands",
        "Read on topic " + deployment.topic(Topic.EXEC));
  }

  @Test
  @InFullRuns("toReadAsTheGroup")
  void toCommitExecs() throws Exception {
    execsWaitWithout(
        SecureCluster.binding(
            "worker",
            ResourceType.GROUP,
            deployment.id() + "-commands",
            PatternType.LITERAL,
            AclOperation.READ),
        "kafka-commands",
        "Read on group " + deployment.id() + "-commands");
  }

  @Test
  @InFullRuns("toWriteTheLiveTable")
  void toWriteTheCommandTable() throws Exception {
    execsWaitWithout(
        onTopic(AclOperation.WRITE, Topic.COMMANDS),
        "kafka-publish",
        "Write on topic " + deployment.topic(Topic.COMMANDS));
  }

  @Test
  @InFullRuns("toAnnounceReaped")
  void toAnnounceExited() throws Exception {
    execsWaitWithout(
        onTopic(AclOperation.WRITE, Topic.EXITED),
        "kafka-publish",
        "Write on topic " + deployment.topic(Topic.EXITED));
  }

  @Test
  void toReadActivity() throws Exception {
    without(
        onTopic(AclOperation.READ, Topic.ACTIVITY),
        "kafka-activity",
        "Read on topic " + deployment.topic(Topic.ACTIVITY),
        () -> deployment.agent().activity(user));
  }

  @Test
  void toForwardEnsures() throws Exception {
    String late = UUID.randomUUID().toString();
    without(
        onTopic(AclOperation.WRITE, Topic.ENSURE),
        "kafka-publish",
        "Write on topic " + deployment.topic(Topic.ENSURE),
        () -> misplaced(Topic.ENSURE, Deployment.newUser(), late));
    assertThat(answer(late)).isInstanceOf(Ready.class);
  }

  @Test
  @InFullRuns("toForwardEnsures")
  void toForwardActivity() throws Exception {
    String late = UUID.randomUUID().toString();
    without(
        onTopic(AclOperation.WRITE, Topic.ACTIVITY),
        "kafka-publish",
        "Write on topic " + deployment.topic(Topic.ACTIVITY),
        () -> misplaced(Topic.ACTIVITY, user, late));
    deployment
        .log()
        .await(
            "the forwarded activity",
            Deployment.SOON,
            () ->
                deployment.log().records(Topic.ACTIVITY).stream()
                    .anyMatch(
                        r ->
                            r.partition() == deployment.partitionOf(user)
                                && new String(r.value()).contains(late)));
  }

  private void misplaced(Topic topic, UserId of, String eventId) throws Exception {
    int elsewhere = (deployment.partitionOf(of) + 1) % deployment.partitions();
    String json = "{\"user_id\":\"" + of + "\",\"event_id\":\"" + eventId + "\"}";
    deployment.agent().send(topic, elsewhere, of, json);
  }

  @Test
  @InFullRuns("toAnnounceReaped")
  void toAnnounceReady() throws Exception {
    String late = UUID.randomUUID().toString();
    without(
        onTopic(AclOperation.WRITE, Topic.READY),
        "kafka-publish",
        "Write on topic " + deployment.topic(Topic.READY),
        () -> deployment.agent().ensure(Deployment.newUser(), late));
    assertThat(answer(late)).isInstanceOf(Ready.class);
  }

  @Test
  void toWriteTheLiveTable() throws Exception {
    String late = UUID.randomUUID().toString();
    without(
        onTopic(AclOperation.WRITE, Topic.LIVE),
        "kafka-publish",
        "Write on topic " + deployment.topic(Topic.LIVE),
        () -> deployment.agent().ensure(Deployment.newUser(), late));
    assertThat(answer(late)).isInstanceOf(Ready.class);
  }

  @Test
  void toAnnounceReaped() throws Exception {
    UserId other = Deployment.newUser();
    Ready killed = deployment.agent().ensured(other);
    without(
        onTopic(AclOperation.WRITE, Topic.REAPED),
        "kafka-publish",
        "Write on topic " + deployment.topic(Topic.REAPED),
        () -> deployment.host().docker().killContainerCmd(killed.containerId()).exec());
    Reaped died = deployment.log().awaitReaped(other, Deployment.SOON);
    assertThat(died.reason()).isEqualTo(Reaped.Reason.DIED);
  }

  @Test
  @InFullRuns("toAnnounceReaped")
  void toAnnounceFailed() throws Exception {
    String late = UUID.randomUUID().toString();
    without(
        onTopic(AclOperation.WRITE, Topic.FAILED),
        "kafka-publish",
        "Write on topic " + deployment.topic(Topic.FAILED),
        () ->
            deployment.agent().ensure(Deployment.newUser(), late, Instant.now().minusSeconds(60)));
    assertThat(answer(late))
        .isInstanceOfSatisfying(
            Failed.class, f -> assertThat(f.reason()).isEqualTo(Failed.Reason.EXPIRED));
  }

  @Test
  void toWriteDeadLetters() throws Exception {
    String bad = "no event " + UUID.randomUUID();
    without(
        onTopic(AclOperation.WRITE, Topic.DEAD_LETTER),
        "kafka-publish",
        "Write on topic " + deployment.topic(Topic.DEAD_LETTER),
        () -> deployment.agent().send(Topic.ENSURE, Deployment.newUser(), bad));
    deployment
        .log()
        .await(
            "the dead letter",
            Deployment.SOON,
            () ->
                deployment.log().records(Topic.DEAD_LETTER).stream()
                    .anyMatch(r -> new String(r.value()).equals(bad)));
  }

  @Test
  void toReadTheLiveTableAfterARebalance() throws Exception {
    String late = UUID.randomUUID().toString();
    AclBinding group =
        SecureCluster.binding(
            "worker", ResourceType.GROUP, deployment.id(), PatternType.LITERAL, AclOperation.READ);
    without(
        onTopic(AclOperation.READ, Topic.LIVE),
        "kafka-takeover",
        "Read on topic " + deployment.topic(Topic.LIVE),
        () -> {
          deployment.agent().ensure(Deployment.newUser(), late);
          cluster.forbid(group);
          await()
              .atMost(Deployment.SOON)
              .until(() -> deployment.ops().notReadyBecause().containsKey("kafka-ensures"));
          cluster.allow(List.of(group));
        });
    assertThat(answer(late)).isInstanceOf(Ready.class);
  }

  @Test
  void severalAtOnceAreAllNamed() throws Exception {
    UserId other = Deployment.newUser();
    Ready killed = deployment.agent().ensured(other);
    AclBinding failed = onTopic(AclOperation.WRITE, Topic.FAILED);
    cluster.forbid(failed);
    deployment.agent().ensure(Deployment.newUser(), "late", Instant.now().minusSeconds(60));
    without(
        onTopic(AclOperation.WRITE, Topic.REAPED),
        "kafka-publish",
        "Write on topic " + deployment.topic(Topic.REAPED),
        () -> {
          deployment.host().docker().killContainerCmd(killed.containerId()).exec();
          await()
              .atMost(Deployment.SOON)
              .until(
                  () ->
                      deployment
                          .ops()
                          .notReadyBecause()
                          .getOrDefault("kafka-publish", "")
                          .contains(deployment.topic(Topic.FAILED)));
          cluster.allow(List.of(failed));
          answer("late");
        });
    deployment.log().awaitReaped(other, Deployment.SOON);
    deployment.awaitReady();
  }
}
