/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.ReplyTo;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.testkit.deployment.AgentService;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.deployment.KafkaForTests;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/** Answers are copied to the topics that requests name, and these topics harm nobody else. */
@Tag("engine")
@Tag("kafka")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class RepliesIT {
  private Deployment deployment;

  @BeforeAll
  void deploy() throws Exception {
    deployment = new Deployment().withOps();
    deployment.start("a");
  }

  @AfterAll
  void leaveNothing() throws Exception {
    deployment.close();
  }

  private String name() {
    return ReplyTo.prefix(deployment.id() + ".") + UUID.randomUUID();
  }

  private String created(Map<String, String> settings) throws Exception {
    String name = name();
    deployment
        .group()
        .admin()
        .createTopics(List.of(new NewTopic(name, 1, (short) 1).configs(settings)))
        .all()
        .get();
    return name;
  }

  /** Publishes a request with an id, whose answers are to be copied. */
  private String ask(Topic topic, UserId user, String replyTo, String fields) throws Exception {
    return ask(topic, null, user, replyTo, fields);
  }

  private String ask(Topic topic, Integer partition, UserId user, String replyTo, String fields)
      throws Exception {
    String id = UUID.randomUUID().toString();
    String json = AgentService.json(user, "'event_id':'" + id + "'" + fields);
    ProducerRecord<byte[], byte[]> record = deployment.agent().record(topic, partition, user, json);
    record.headers().add(ReplyTo.HEADER, replyTo.getBytes(UTF_8));
    deployment.agent().send(record);
    return id;
  }

  private interface Enough {
    boolean holdsFor(List<?> copies) throws Exception;
  }

  /** The given number of first records of a topic. */
  private static List<ConsumerRecord<byte[], byte[]>> copies(String topic, int count) {
    return copies(topic, copies -> copies.size() >= count);
  }

  private static List<ConsumerRecord<byte[], byte[]>> copies(String topic, Enough isEnough) {
    List<ConsumerRecord<byte[], byte[]>> copies = new ArrayList<>();
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", KafkaForTests.bootstrapServers()),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer())) {
      TopicPartition all = new TopicPartition(topic, 0);
      consumer.assign(Set.of(all));
      consumer.seekToBeginning(Set.of(all));
      await("copies in " + topic)
          .atMost(Deployment.SOON)
          .until(
              () -> {
                consumer.poll(Duration.ofMillis(100)).forEach(copies::add);
                return isEnough.holdsFor(copies);
              });
    }
    return copies;
  }

  private static String header(ConsumerRecord<byte[], byte[]> record, String name) {
    return new String(record.headers().lastHeader(name).value(), UTF_8);
  }

  private void assertIsCopy(ConsumerRecord<byte[], byte[]> copy) {
    String topic = header(copy, ReplyTo.COPY_OF_HEADER);
    Optional<ConsumerRecord<byte[], byte[]>> of =
        Stream.of(Topic.READY, Topic.FAILED, Topic.STARTED, Topic.OUTPUT, Topic.EXITED)
            .filter(each -> deployment.topic(each).equals(topic))
            .flatMap(each -> deployment.log().records(each).stream())
            .filter(each -> header(each, "ce_id").equals(header(copy, "ce_id")))
            .findFirst();
    assertThat(of).isPresent();
    assertThat(copy.key()).isEqualTo(of.get().key());
    assertThat(copy.value()).isEqualTo(of.get().value());
    List<Header> headers = new ArrayList<>(List.of(copy.headers().toArray()));
    headers.removeIf(each -> each.key().equals(ReplyTo.COPY_OF_HEADER));
    assertThat(headers).containsExactly(of.get().headers().toArray());
  }

  private List<String> kinds(List<ConsumerRecord<byte[], byte[]>> copies) {
    return copies.stream()
        .map(each -> header(each, ReplyTo.COPY_OF_HEADER))
        .map(topic -> topic.substring(topic.lastIndexOf('.') + 1))
        .toList();
  }

  private Exited exited(UserId user, String replyTo, String fields) throws Exception {
    return deployment.log().awaitExited(ask(Topic.EXEC, user, replyTo, "," + fields));
  }

  @Test
  void allAnswersAreCopiedInTheirOrder() throws Exception {
    for (int attempt = 1; !allAreCopiedInTheirOrder(); attempt++) {
      assertThat(attempt).as("attempts in which a copy was late").isLessThan(5);
    }
  }

  private double late() throws Exception {
    return deployment.ops().metric("zcbot_replies_dropped_total{reason=\"late\"}");
  }

  /** False if an answer was late, as on a busy machine, and so was dropped. */
  private boolean allAreCopiedInTheirOrder() throws Exception {
    double late = late();
    String topic = created(Map.of());
    UserId user = Deployment.newUser();
    Exited exited =
        exited(
            user,
            topic,
            "'shell':'seq 1 100000','stream':true,'max_output_bytes':2000000,'announce_start':true");
    assertThat(exited.outputCount()).isGreaterThan(1);
    String ensure = ask(Topic.ENSURE, user, topic, "");
    deployment.log().awaitAnswer(ensure, Deployment.SOON);
    int count = (int) exited.outputCount() + 4;
    List<ConsumerRecord<byte[], byte[]>> copies =
        copies(topic, some -> some.size() >= count || late() > late);
    if (late() > late) {
      return false;
    }
    List<String> expected = new ArrayList<>(List.of("ready", "started"));
    for (int i = 0; i < exited.outputCount(); i++) {
      expected.add("output");
      assertThat(new String(copies.get(i + 2).value(), UTF_8)).contains("\"seq\":" + i + ",");
    }
    expected.addAll(List.of("exited", "ready"));
    assertThat(kinds(copies)).isEqualTo(expected);
    copies.forEach(this::assertIsCopy);
    return true;
  }

  @Test
  void failuresAndForwardedRequestsAreCopiedAsWell() throws Exception {
    String topic = created(Map.of());
    UserId user = Deployment.newUser();
    String expired = ",'expires_at':'2020-01-01T00:00:00Z'";
    ask(Topic.ENSURE, user, topic, expired);
    assertThat(kinds(copies(topic, 1))).containsExactly("failed");
    int elsewhere = (deployment.partitionOf(user) + 1) % deployment.partitions();
    ask(Topic.ENSURE, elsewhere, user, topic, "");
    assertThat(kinds(copies(topic, 2))).containsExactly("failed", "ready");
    ask(Topic.EXEC, elsewhere, user, topic, ",'command':['true']");
    assertThat(kinds(copies(topic, 3))).containsExactly("failed", "ready", "exited");
  }

  @Test
  void anyOtherNameIsRefused() throws Exception {
    UserId user = Deployment.newUser();
    String other = deployment.topic(Topic.ENSURE);
    String allowed = "begins with " + ReplyTo.prefix(deployment.id() + ".");
    assertThat(deployment.log().awaitAnswer(ask(Topic.ENSURE, user, other, ""), Deployment.SOON))
        .isInstanceOfSatisfying(
            Failed.class,
            failed -> {
              assertThat(failed.reason()).isEqualTo(Failed.Reason.REJECTED);
              assertThat(failed.retryable()).isFalse();
              assertThat(failed.message()).contains(ReplyTo.HEADER, other, allowed);
            });
    Exited exited = exited(user, "\u001b[31m".repeat(100_000), "'command':['true']");
    assertThat(exited.reason()).isEqualTo(Exited.Reason.REJECTED);
    assertThat(exited.message()).contains(ReplyTo.HEADER, allowed).hasSizeLessThan(500);
    String release = ask(Topic.RELEASE, user, other, "");
    deployment
        .log()
        .await(
            "the release's dead letter",
            Deployment.SOON,
            () ->
                deployment.log().records(Topic.DEAD_LETTER).stream()
                    .anyMatch(
                        record ->
                            new String(record.value(), UTF_8).contains(release)
                                && header(record, "zcbot_error").contains(ReplyTo.HEADER)));
  }

  /** The broker of the tests creates topics that a producer asks for. */
  @Test
  void namesThatDoNotExistAreNotCreatedAndHoldUpNobody() throws Exception {
    UserId user = Deployment.newUser();
    deployment.agent().ensured(user);
    double before = deployment.ops().metric("zcbot_replies_dropped_total{reason=\"absent\"}");
    String last = "";
    for (int i = 0; i < 500; i++) {
      ProducerRecord<byte[], byte[]> record =
          deployment
              .agent()
              .record(
                  Topic.ENSURE,
                  null,
                  user,
                  AgentService.json(user, "'event_id':'" + (last = "absent-" + i) + "'"));
      record.headers().add(ReplyTo.HEADER, (name() + i).getBytes(UTF_8));
      deployment.agent().sendLater(record);
    }
    UserId other = Deployment.newUser();
    long asked = System.nanoTime();
    Ready ready = deployment.agent().ensured(other);
    assertThat(ready.outcome()).isNotNull();
    assertThat(Duration.ofNanos(System.nanoTime() - asked)).isLessThan(Duration.ofSeconds(120));
    deployment.log().awaitAnswer(last, Deployment.SOON);
    await()
        .atMost(Deployment.SOON)
        .untilAsserted(
            () ->
                assertThat(
                        deployment.ops().metric("zcbot_replies_dropped_total{reason=\"absent\"}")
                            - before)
                    .isGreaterThan(0));
    assertThat(deployment.group().admin().listTopics().names().get())
        .noneMatch(
            name -> name.startsWith(ReplyTo.prefix(deployment.id() + ".")) && name.endsWith("499"));
    await().atMost(Deployment.SOON).until(deployment.group()::isAllCommitted);
  }

  @Test
  void aCopyThatIsTooLargeIsDropped() throws Exception {
    String topic = created(Map.of("max.message.bytes", "20000"));
    UserId user = Deployment.newUser();
    Exited large = exited(user, topic, "'shell':'seq 1 10000'");
    assertThat(large.reason()).isEqualTo(Exited.Reason.EXITED);
    exited(user, topic, "'shell':'seq 1 10'");
    assertThat(kinds(copies(topic, 2))).containsExactly("ready", "exited");
    assertThat(deployment.ops().metric("zcbot_replies_dropped_total{reason=\"too_large\"}"))
        .isPositive();
  }
}
