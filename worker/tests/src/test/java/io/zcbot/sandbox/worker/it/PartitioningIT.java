/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.deployment.KafkaForTests;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * Any client can publish, whatever its partitioner and whichever optional fields it sets or leaves
 * out.
 */
@Tag("engine")
@Tag("kafka")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PartitioningIT {
  private Deployment deployment;

  /**
   * Starts two workers of one group, so that a record in a foreign partition can reach the wrong
   * one.
   */
  @BeforeAll
  void deploy() throws Exception {
    deployment = new Deployment().with("ZCBOT_SANDBOX_IDLE_TTL", "10s");
    deployment.start("a");
    deployment.start("b");
  }

  @AfterAll
  void leaveNothing() throws Exception {
    deployment.close();
  }

  @Test
  void anEnsureInAForeignPartitionIsServedOnceByTheWorkerOfTheKeysPartition() throws Exception {
    Map<String, Set<Integer>> owners = deployment.group().assignment();
    for (int distance = 1; distance < deployment.partitions(); distance++) {
      UserId user = Deployment.newUser();
      int keyPartition = deployment.partitionOf(user);
      int foreign = (keyPartition + distance) % deployment.partitions();
      RecordMetadata sent = deployment.agent().send(ensure(user, foreign, "{'user_id':'%s'}"));

      Ready ready = deployment.log().awaitReady(user, 1);
      assertThat(ready.ensureId())
          .isEqualTo(deployment.topic(Topic.ENSURE) + "-" + foreign + "-" + sent.offset());
      assertThat(owners.get(ready.workerId())).contains(keyPartition);
      assertThat(deployment.log().records(Topic.READY))
          .filteredOn(r -> new String(r.key(), StandardCharsets.UTF_8).equals(user.toString()))
          .extracting(r -> r.partition())
          .containsExactly(keyPartition);
      assertThat(deployment.host().containersOf(user)).hasSize(1);
    }
    await().atMost(Deployment.SOON).until(deployment.group()::isAllCommitted);
  }

  @Test
  void ensuresInAllPartitionsAtOnceMakeOneSandbox() throws Exception {
    UserId user = Deployment.newUser();
    for (int p = 0; p < deployment.partitions(); p++) {
      deployment.agent().send(ensure(user, p, "{'user_id':'%s','event_id':'all-" + p + "'}"));
    }
    deployment.log().awaitReady(user, deployment.partitions());
    assertThat(deployment.log().readies(user))
        .extracting(Ready::containerId)
        .containsOnly(deployment.log().readies(user).getFirst().containerId());
    assertThat(deployment.log().readies(user))
        .extracting(Ready::ensureId)
        .containsExactlyInAnyOrder("all-0", "all-1", "all-2", "all-3");
    assertThat(deployment.host().containersOf(user)).hasSize(1);
  }

  @Test
  void activityInAForeignPartitionKeepsTheSandboxAlive() throws Exception {
    Map<String, Set<Integer>> owners = deployment.group().assignment();
    UserId user = Deployment.newUser();
    Ready ready = deployment.agent().ensured(user);
    int foreign =
        owners.entrySet().stream()
            .filter(owner -> !owner.getKey().equals(ready.workerId()))
            .findFirst()
            .orElseThrow()
            .getValue()
            .iterator()
            .next();
    for (int i = 0; i < 22; i++) { // for longer than the TTL
      TimeUnit.MILLISECONDS.sleep(500);
      deployment.agent().send(Topic.ACTIVITY, foreign, user, "{\"user_id\":\"" + user + "\"}");
    }
    assertThat(deployment.log().reaped(user)).isEmpty();
    assertThat(deployment.host().isRunning(ready.containerId())).isTrue();
    assertThat(deployment.log().awaitReaped(user, Deployment.SOON).reason())
        .isEqualTo(Reaped.Reason.IDLE);
  }

  @Test
  void unknownFieldsAreIgnored() throws Exception {
    UserId user = Deployment.newUser();
    deployment
        .agent()
        .send(
            ensure(
                user,
                null,
                "{'from_the_future':{'a':[1,2,{'b':null}]},'user_id':'%s','event_id':'given',"
                    + "'requested_by':'test','requested_at':'2026-11-24T12:00:00+01:00',"
                    + "'expires_at':null}"));
    assertThat(deployment.log().awaitReady(user, 1).ensureId()).isEqualTo("given");
  }

  @Test
  void theLeastAClientCanSendIsEnough() throws Exception {
    UserId user = Deployment.newUser();
    RecordMetadata sent = deployment.agent().send(ensure(user, null, "{'user_id':'%s'}"));
    assertThat(sent.partition()).isEqualTo(deployment.partitionOf(user));
    assertThat(deployment.log().awaitReady(user, 1).ensureId())
        .isEqualTo(sent.topic() + "-" + sent.partition() + "-" + sent.offset());
  }

  /** Both also where a worker has to forward the record. */
  @Test
  void cloudEventsAreRead() throws Exception {
    for (int distance = 0; distance < 2; distance++) {
      UserId user = Deployment.newUser();
      int partition = (deployment.partitionOf(user) + distance) % deployment.partitions();
      var binary = ensure(user, partition, "{'user_id':'%s'}");
      binary.headers().add("ce_id", bytes("binary-" + distance));
      deployment.agent().send(binary);
      var structured =
          ensure(
              user,
              partition,
              "{'specversion':'1.0','id':'structured-"
                  + distance
                  + "','type':'io.zcbot.sandbox.ensure','source':'/t','data':{'user_id':'%s'}}");
      structured.headers().add("content-type", bytes("application/cloudevents+json"));
      deployment.agent().send(structured);

      deployment.log().awaitReady(user, 2);
      assertThat(deployment.log().readies(user))
          .extracting(Ready::ensureId)
          .containsExactlyInAnyOrder("binary-" + distance, "structured-" + distance);
      assertThat(
              deployment
                  .log()
                  .records(Topic.READY)
                  .getFirst()
                  .headers()
                  .lastHeader("ce_dataschema")
                  .value())
          .isEqualTo(bytes("urn:zcbot:sandbox:ready:1"));
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void anEnsureThatExpiredIsAnsweredWithoutASandbox() throws Exception {
    UserId user = Deployment.newUser();
    deployment.agent().ensure(user, "late", Instant.now().minusSeconds(1));
    Failed failed = deployment.log().awaitFailed(user);
    assertThat(failed.reason()).isEqualTo(Failed.Reason.EXPIRED);
    assertThat(failed.ensureId()).isEqualTo("late");
    assertThat(failed.retryable()).isTrue();
    assertThat(deployment.host().containersOf(user)).isEmpty();
    assertThat(deployment.workspaces().resolve(user.toString())).doesNotExist();

    // In a foreign partition it is no younger.
    UserId other = Deployment.newUser();
    int foreign = (deployment.partitionOf(other) + 1) % deployment.partitions();
    deployment
        .agent()
        .send(ensure(other, foreign, "{'user_id':'%s','expires_at':'2026-01-01T00:00:00Z'}"));
    assertThat(deployment.log().awaitFailed(other).reason()).isEqualTo(Failed.Reason.EXPIRED);
    assertThat(deployment.host().containersOf(other)).isEmpty();
    assertThat(deployment.log().readies(other)).isEmpty();
  }

  @Test
  void gapsThatTransactionsLeaveDoNotHoldCommitsUp() throws Exception {
    List<UserId> users = List.of(Deployment.newUser(), Deployment.newUser(), Deployment.newUser());
    try (var producer =
        new KafkaProducer<>(
            Map.<String, Object>of(
                "bootstrap.servers",
                KafkaForTests.bootstrapServers(),
                "transactional.id",
                deployment.id()),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      producer.initTransactions();
      for (UserId user : users) {
        producer.beginTransaction();
        producer.send(ensure(user, null, "{'user_id':'%s'}"));
        producer.commitTransaction();
        // One that nobody ever asked for: aborted in every partition, so each ends in markers.
        producer.beginTransaction();
        for (int p = 0; p < deployment.partitions(); p++) {
          producer
              .send(
                  ensure(
                      user,
                      p,
                      "{'user_id':'%s','event_id':'aborted','expires_at':'2026-01-01T00:00:00Z'}"))
              .get();
        }
        producer.abortTransaction();
      }
    }
    for (UserId user : users) {
      await("ready of " + user)
          .atMost(Deployment.SOON)
          .until(() -> !deployment.log().readies(user).isEmpty());
    }
    await("committed to the end, behind the markers")
        .atMost(Deployment.SOON)
        .until(deployment.group()::isAllCommitted);
    UserId next = Deployment.newUser();
    deployment.agent().ensured(next);
    await().atMost(Deployment.SOON).until(deployment.group()::isAllCommitted);
  }

  private ProducerRecord<byte[], byte[]> ensure(
      UserId user, @Nullable Integer partition, String json) {
    return deployment
        .agent()
        .record(Topic.ENSURE, partition, user, json.replace('\'', '"').formatted(user));
  }
}
