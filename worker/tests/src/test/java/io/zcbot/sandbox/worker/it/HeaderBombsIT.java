/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.InFullRuns;
import io.zcbot.sandbox.worker.testkit.deployment.AgentService;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.deployment.WorkerProcess;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/**
 * Records of as many empty headers as a broker takes, two bytes each, for a worker that has the
 * packaged memory limits. In memory each such record takes 77 MiB.
 */
@Tag("engine")
@Tag("kafka")
class HeaderBombsIT {
  private static final Header EMPTY = new RecordHeader("", new byte[0]);

  /** The broker takes records of 1 MiB. */
  private static final int HEADERS = 520_000;

  private static final int OF_EACH_KIND = 2;

  private Deployment deployment;
  private WorkerProcess worker;
  private final List<ProducerRecord<byte[], byte[]>> bad = new ArrayList<>();

  @BeforeEach
  void deploy() throws Exception {
    deployment = new Deployment().withOps();
    deployment.createTopics();
    deployment.watch();
    worker = WorkerProcess.start(deployment, "a");
  }

  @AfterEach
  void leaveNothing() throws Exception {
    worker.close();
    deployment.close();
  }

  private ProducerRecord<byte[], byte[]> bomb(
      Topic topic, int partition, byte @Nullable [] key, byte @Nullable [] value) {
    ProducerRecord<byte[], byte[]> record =
        new ProducerRecord<>(deployment.topic(topic), partition, key, value);
    for (int i = 0; i < HEADERS; i++) {
      record.headers().add(EMPTY);
    }
    return record;
  }

  private ProducerRecord<byte[], byte[]> valid(Topic topic, UserId user, String fields) {
    return bomb(
        topic,
        deployment.partitionOf(user),
        bytes(user.toString()),
        bytes(AgentService.json(user, fields)));
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void noRecordOfThemEndsAWorker() throws Exception {
    UserId ensured = deployment.newUserOf(0);
    UserId running = deployment.newUserOf(1);
    UserId reading = deployment.newUserOf(1);
    deployment
        .agent()
        .exec(reading, "reads", "'shell':'sleep 3; wc -c','input':true,'timeout_seconds':150");
    String data = "x".repeat(100_000);
    for (int i = 0; i < 12; i++) { // more than is kept for a command, so it is read again
      deployment.agent().inputLater(reading, "reads", "'data':'" + data + "'");
      if (i % 4 == 3) {
        bad.add(bomb(Topic.INPUT, 1, null, null));
        deployment.agent().sendLater(bad.getLast());
      }
    }
    deployment.agent().inputLater(reading, "reads", "'eof':true");
    int sent = bad.size();
    for (Topic topic :
        List.of(Topic.ENSURE, Topic.ACTIVITY, Topic.EXEC, Topic.INPUT, Topic.RELEASE)) {
      for (int i = 0; i < OF_EACH_KIND; i++) {
        bad.add(bomb(topic, i % 2, null, null));
        bad.add(bomb(topic, i % 2, bytes(ensured.toString()), bytes("{")));
      }
    }
    for (ProducerRecord<byte[], byte[]> record : bad.subList(sent, bad.size())) {
      deployment.agent().sendLater(record);
    }
    deployment.agent().flush();
    deployment.agent().send(valid(Topic.ENSURE, ensured, "'event_id':'under headers'"));
    deployment
        .agent()
        .send(valid(Topic.EXEC, running, "'event_id':'exec','command':['echo','hello']"));
    assertThat(((Ready) deployment.log().awaitAnswer("under headers", Deployment.SOON)).outcome())
        .isEqualTo(Ready.Outcome.CREATED);
    Exited exited = deployment.log().awaitExited("exec");
    assertThat(exited.exitCode()).as(String.valueOf(exited.message())).isZero();
    Exited read = deployment.log().awaitExited("reads");
    assertThat(read.stdout()).as(String.valueOf(read.message())).isNotNull();
    assertThat(new String(read.stdout().toByteArray(), StandardCharsets.UTF_8))
        .isEqualTo("1200000\n");
    deployment
        .log()
        .await(
            "the dead letters",
            Deployment.SOON,
            () -> deployment.log().records(Topic.DEAD_LETTER).size() >= bad.size());
    assertThat(deployment.log().records(Topic.DEAD_LETTER))
        .hasSize(bad.size())
        .allSatisfy(
            letter ->
                assertThat(letter.headers().lastHeader("zcbot_truncated").value())
                    .asString()
                    .isEqualTo("true"));
    deployment.agent().ensured(running);
    System.out.printf(
        "%d records of %d headers; worker %d MiB%n",
        bad.size() + 2, HEADERS, worker.residentBytes() >> 20);
    assertThat(worker.isAlive()).isTrue();
  }

  /** Each of them reads the inputs of one command again, from the same place at the same time. */
  @Test
  @InFullRuns("noRecordOfThemEndsAWorker has one reader")
  void eightReadersOfThemEndNoWorker() throws Exception {
    List<UserId> users = Stream.generate(() -> deployment.newUserOf(1)).limit(8).toList();
    for (UserId user : users) {
      deployment.agent().ensured(user);
    }
    long begin = System.currentTimeMillis() / 1000 + 15;
    for (UserId user : users) {
      String fields =
          "'shell':'sleep $((%d - $(date +%%s))); wc -c','input':true,'timeout_seconds':300";
      deployment.agent().exec(user, "of " + user, fields.formatted(begin));
    }
    String data = "'data':'" + "x".repeat(100_000) + "'";
    for (int i = 0; i < 5; i++) { // more than a worker keeps for each
      for (UserId user : users) {
        deployment.agent().inputLater(user, "of " + user, data);
      }
    }
    for (int i = 0; i < 3; i++) {
      deployment.agent().sendLater(bomb(Topic.INPUT, 1, null, null));
    }
    for (UserId user : users) {
      deployment.agent().inputLater(user, "of " + user, "'eof':true");
    }
    deployment.agent().flush();
    for (UserId user : users) {
      Exited exited = deployment.log().awaitExited("of " + user);
      assertThat(exited.stdout()).as(String.valueOf(exited.message())).isNotNull();
      assertThat(exited.stdout().text()).isEqualTo("500000\n");
    }
    assertThat(worker.isAlive()).isTrue();
    System.out.printf("eight readers; worker %d MiB%n", worker.peakBytes() >> 20);
  }
}
