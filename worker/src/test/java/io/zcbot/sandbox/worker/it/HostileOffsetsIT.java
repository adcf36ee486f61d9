/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Data;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.Worker;
import io.zcbot.sandbox.worker.security.Row;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.deployment.KafkaForTests;
import io.zcbot.sandbox.worker.testkit.deployment.RawProducer;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Requests of which the records state the offsets of others' requests keep nobody's from work. */
@Tag("engine")
@Tag("kafka")
class HostileOffsetsIT {
  private static final List<Topic> INPUTS =
      Arrays.stream(Topic.values()).filter(Topic::isInput).toList();

  private Deployment deployment;
  private RawProducer hostile;

  @BeforeEach
  void deploy() throws Exception {
    deployment = new Deployment().with("ZCBOT_TOPICS_PARTITIONS", "1");
    deployment.log().leaveOutInputs();
    hostile = new RawProducer(KafkaForTests.bootstrapServers());
  }

  @AfterEach
  void leaveNothing() throws Exception {
    deployment.close();
  }

  private void attack() throws Exception {
    for (Topic topic : INPUTS) {
      TopicPartition to = new TopicPartition(deployment.topic(topic), 0);
      byte[] key = Poison.bytes(Poison.USER);
      byte[] value = Poison.bytes("{");
      hostile.send(to, key, value, 3);
      hostile.send(to, key, value, 0, 1_000_000);
      hostile.send(to, key, value, Integer.MAX_VALUE);
    }
  }

  /** Sends all kinds of requests of a user, and waits for their answers. */
  private void serve(UserId user) throws Exception {
    deployment.agent().ensured(user);
    deployment.agent().activity(user);
    String id = "cat-" + user;
    deployment.agent().exec(user, id, "'command':['cat'],'input':true");
    deployment.agent().inputLater(user, id, "'data':'hello'");
    deployment.agent().inputLater(user, id, "'eof':true");
    Exited exited = deployment.log().awaitExited(id);
    assertThat(exited.stdout()).isNotNull().extracting(Data::text).isEqualTo("hello");
  }

  @Row(65)
  @Test
  void whileTheWorkerReads() throws Exception {
    deployment.start("a");
    UserId before = Deployment.newUser();
    serve(before);
    attack();
    UserId user = Deployment.newUser();
    serve(user);
    attack();
    deployment.agent().release(user);
    var _ = deployment.log().awaitReaped(user, Deployment.SOON);
    awaitAllCommitted();
    assertThat(deployment.log().readies(before)).as("answers, which none is repeated").hasSize(1);
  }

  @Row(65)
  @Test
  void whereAWorkerBegins() throws Exception {
    Worker first = deployment.start("a");
    UserId before = Deployment.newUser();
    serve(before);
    awaitAllCommitted();
    deployment.stop(first);
    attack();
    List<UserId> users = List.of(Deployment.newUser(), Deployment.newUser());
    for (UserId user : users) {
      deployment.agent().ensure(user);
    }
    deployment.start("b");
    for (UserId user : users) {
      assertThat(deployment.log().awaitReady(user, 1).outcome()).isEqualTo(Ready.Outcome.CREATED);
      serve(user);
    }
    awaitAllCommitted();
    assertThat(deployment.log().readies(before)).as("answers, which none is repeated").hasSize(1);
  }

  /** Somebody created the topics without the settings that workers give to them. */
  @Test
  void batchesThatNobodyCanReadArePassed() throws Exception {
    deployment.createTopics();
    Map<ConfigResource, Collection<AlterConfigOp>> change = new HashMap<>();
    for (Topic topic : INPUTS) {
      change.put(
          new ConfigResource(ConfigResource.Type.TOPIC, deployment.topic(topic)),
          List.of(
              new AlterConfigOp(
                  new ConfigEntry("compression.type", "producer"), AlterConfigOp.OpType.SET)));
    }
    deployment.group().admin().incrementalAlterConfigs(change).all().get(90, TimeUnit.SECONDS);
    Worker first = deployment.start("a");
    serve(Deployment.newUser());
    for (Topic topic : INPUTS) {
      long unused = hostile.sendUnreadable(new TopicPartition(deployment.topic(topic), 0));
    }
    serve(Deployment.newUser());
    awaitAllCommitted();
    deployment.stop(first);
    deployment.start("b");
    serve(Deployment.newUser());
  }

  private void awaitAllCommitted() {
    await().atMost(Deployment.SOON).until(deployment.group()::isAllCommitted);
    String commands = deployment.id() + "-commands";
    for (Topic topic : List.of(Topic.EXEC, Topic.RELEASE)) {
      await()
          .atMost(Deployment.SOON)
          .until(() -> deployment.group().isAllCommitted(deployment.topic(topic), commands));
    }
  }
}
