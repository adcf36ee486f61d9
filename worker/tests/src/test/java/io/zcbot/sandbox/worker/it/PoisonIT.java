/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.github.dockerjava.api.model.Container;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.security.Row;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.header.Header;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;

/**
 * Records that are not events: they are kept unchanged, block nobody, and never reach the engine.
 */
@Tag("engine")
@Tag("kafka")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PoisonIT {
  private record Sent(Poison poison, RecordMetadata to) {
    @Override
    public String toString() {
      return to.topic().replaceAll(".*\\.", "") + ": " + poison.name();
    }
  }

  private static final Duration LONG = Duration.ofMinutes(10);

  private Deployment deployment;
  private final List<Sent> sent = new ArrayList<>();
  private final List<UserId> users = new ArrayList<>();

  /**
   * Publishes each kind of record once into each input and all partitions, before a valid ensure in
   * each partition.
   */
  @BeforeAll
  void poison() throws Exception {
    deployment =
        new Deployment()
            .with("ZCBOT_SANDBOX_IDLE_TTL", "10s")
            .with("ZCBOT_SANDBOX_IDLE_TTL_MAX", "1h");
    deployment.start("a");
    for (Topic topic : List.of(Topic.ENSURE, Topic.ACTIVITY)) {
      List<Poison> kinds = new ArrayList<>(Poison.kinds());
      kinds.addAll(topic == Topic.ENSURE ? Poison.kindsOfEnsures() : Poison.kindsOfActivity());
      for (int i = 0; i < kinds.size(); i++) {
        Poison poison = kinds.get(i);
        int partition = i % deployment.partitions();
        sent.add(
            new Sent(
                poison,
                deployment
                    .agent()
                    .send(
                        new ProducerRecord<>(
                            deployment.topic(topic),
                            partition,
                            poison.key(),
                            poison.value(),
                            poison.headers()))));
      }
    }
    for (int p = 0; p < deployment.partitions(); p++) {
      UserId user = deployment.newUserOf(p);
      users.add(user);
      deployment.agent().ensure(user);
    }
  }

  @AfterAll
  void leaveNothing() throws Exception {
    deployment.close();
  }

  @TestFactory
  Stream<DynamicTest> goesToTheDeadLetterTopicAsItWas() {
    return sent.stream()
        .map(each -> DynamicTest.dynamicTest(each.toString(), () -> assertKept(each)));
  }

  /** The same once more, for the row: results of dynamic tests are told to nobody. */
  @Row(38)
  @Test
  void allOfItIsKept() {
    assertThat(sent).hasSizeGreaterThan(80).allSatisfy(this::assertKept);
  }

  private void assertKept(Sent bad) {
    List<ConsumerRecord<byte[], byte[]>> letters =
        await(bad.toString())
            .pollDelay(Duration.ZERO)
            .atMost(Deployment.SOON)
            .until(() -> deadLettersOf(deployment, bad.to), found -> !found.isEmpty());
    assertThat(letters).hasSize(1);
    ConsumerRecord<byte[], byte[]> letter = letters.getFirst();
    assertThat(letter.key()).isEqualTo(bad.poison.key());
    assertThat(letter.value()).isEqualTo(bad.poison.value());
    List<Header> headers = Arrays.asList(letter.headers().toArray());
    assertThat(headers.subList(0, bad.poison.headers().size())).isEqualTo(bad.poison.headers());
    assertThat(headers.subList(bad.poison.headers().size(), headers.size()))
        .extracting(Header::key)
        .containsExactlyInAnyOrder(
            "zcbot_error",
            "zcbot_error_field",
            "zcbot_topic",
            "zcbot_partition",
            "zcbot_offset",
            "zcbot_timestamp",
            "zcbot_group",
            "__dlq.errors.message",
            "__dlq.errors.topic",
            "__dlq.errors.partition",
            "__dlq.errors.offset",
            "__dlq.errors.group");
    assertThat(header(letter, "zcbot_error_field")).hasValue(bad.poison.at());
    assertThat(header(letter, "zcbot_error").orElseThrow())
        .startsWith(bad.poison.at() + ": ")
        .hasSizeLessThan(400)
        .doesNotContainPattern("\\p{Cntrl}");
  }

  @Test
  void theGoodEnsureBehindIsServedAndAllIsCommitted() {
    for (UserId user : users) {
      assertThat(deployment.log().awaitReady(user, 1).outcome()).isEqualTo(Ready.Outcome.CREATED);
    }
    await().atMost(Deployment.SOON).until(deployment.group()::isAllCommitted);
  }

  @Row(38)
  @Test
  void nothingIsMadeOfIt() {
    users.forEach(user -> deployment.log().awaitReady(user, 1));
    List<String> expected = users.stream().map(UserId::toString).toList();
    assertThat(deployment.host().containers())
        .allSatisfy((Container c) -> assertThat(c.getLabels().get("zcbot.user_id")).isIn(expected));
    assertThat(deployment.host().containersOf(new UserId(UUID.fromString(Poison.USER)))).isEmpty();
    assertThat(deployment.workspaces().toFile().list((_, name) -> !name.startsWith(".")))
        .isSubsetOf(expected);
    assertThat(deployment.log().records(Topic.READY))
        .extracting(record -> new String(record.key(), UTF_8))
        .isSubsetOf(expected);
    assertThat(deployment.log().records(Topic.FAILED)).isEmpty();
  }

  @Test
  void activityBehindItIsReadAndIdlenessStillJudged() throws Exception {
    users.forEach(user -> deployment.log().awaitReady(user, 1));
    // Nobody is to be reaped while somebody else's sandbox is made again.
    for (UserId user : users) {
      deployment.agent().ensured(user, LONG);
    }
    Map<UserId, Integer> reaped = new HashMap<>();
    users.forEach(user -> reaped.put(user, deployment.log().reaped(user).size()));
    for (UserId user : users) {
      deployment.agent().ensure(user);
    }
    Instant last = Instant.now();
    for (int i = 0; i < 12; i++) {
      TimeUnit.SECONDS.sleep(1);
      last = Instant.now();
      for (UserId user : users) {
        deployment
            .agent()
            .send(
                new ProducerRecord<>(
                    deployment.topic(Topic.ACTIVITY),
                    deployment.partitionOf(user),
                    null,
                    Poison.bytes("{")));
        deployment.agent().activity(user);
      }
    }
    users.forEach(user -> assertThat(deployment.log().reaped(user)).hasSize(reaped.get(user)));
    for (UserId user : users) {
      await("idle reap of " + user)
          .atMost(Deployment.SOON)
          .until(() -> deployment.log().reaped(user).size() == reaped.get(user) + 1);
      Reaped idle = deployment.log().reaped(user).getLast();
      assertThat(idle.reason()).isEqualTo(Reaped.Reason.IDLE);
      assertThat(idle.reapedAt()).as("a TTL after the last use").isAfter(last.plusSeconds(9));
    }
  }

  @Test
  void whatTheDeadLetterTopicCanNotHoldIsCutAndHoldsNobodyUp() throws Exception {
    try (Deployment narrow = new Deployment()) {
      createDeadLettersWithTheDefaultSize(narrow);
      narrow.start("a");
      byte[] huge = Poison.huge(1_048_400);
      UserId user = Deployment.newUser();
      RecordMetadata to =
          narrow
              .agent()
              .send(
                  new ProducerRecord<>(
                      narrow.topic(Topic.ENSURE),
                      narrow.partitionOf(user),
                      Poison.bytes(user.toString()),
                      huge));
      narrow.agent().ensured(user);
      List<ConsumerRecord<byte[], byte[]>> letters =
          await()
              .atMost(Deployment.SOON)
              .until(() -> deadLettersOf(narrow, to), found -> !found.isEmpty());
      ConsumerRecord<byte[], byte[]> letter = letters.getFirst();
      assertThat(letter.key()).isEqualTo(Poison.bytes(user.toString()));
      assertThat(letter.value()).isEqualTo(Arrays.copyOf(huge, 64 * 1024));
      assertThat(header(letter, "zcbot_truncated")).hasValue("true");
      await().atMost(Deployment.SOON).until(narrow.group()::isAllCommitted);
    }
  }

  @Test
  void aHeaderThatTheDeadLetterTopicCanNotHoldIsLeftOutAndHoldsNobodyUp() throws Exception {
    try (Deployment narrow = new Deployment()) {
      createDeadLettersWithTheDefaultSize(narrow);
      narrow.start("a");
      UserId user = Deployment.newUser();
      // The worker's own headers begin like that, but this one is the sender's.
      ProducerRecord<byte[], byte[]> record =
          new ProducerRecord<>(
              narrow.topic(Topic.ENSURE),
              narrow.partitionOf(user),
              Poison.bytes(user.toString()),
              Poison.bytes("{"));
      record.headers().add("zcbot_x", Poison.huge(1_048_300));
      RecordMetadata to = narrow.agent().send(record);
      narrow.agent().ensured(user);
      ConsumerRecord<byte[], byte[]> letter =
          await()
              .atMost(Deployment.SOON)
              .until(() -> deadLettersOf(narrow, to), found -> !found.isEmpty())
              .getFirst();
      assertThat(letter.key()).isEqualTo(Poison.bytes(user.toString()));
      assertThat(letter.value()).isEqualTo(Poison.bytes("{"));
      assertThat(header(letter, "zcbot_x")).isEmpty();
      assertThat(header(letter, "zcbot_truncated")).hasValue("true");
      await().atMost(Deployment.SOON).until(narrow.group()::isAllCommitted);
    }
  }

  /**
   * Creates a dead-letter topic whose record size is too small for some records that a broker
   * accepts.
   */
  private static void createDeadLettersWithTheDefaultSize(Deployment narrow) throws Exception {
    narrow
        .group()
        .admin()
        .createTopics(
            List.of(
                new NewTopic(
                    narrow.topic(Topic.DEAD_LETTER),
                    Optional.of(narrow.partitions()),
                    Optional.empty())))
        .all()
        .get(90, TimeUnit.SECONDS);
  }

  private static List<ConsumerRecord<byte[], byte[]>> deadLettersOf(
      Deployment deployment, RecordMetadata origin) {
    return deployment.log().records(Topic.DEAD_LETTER).stream()
        .filter(letter -> header(letter, "zcbot_topic").equals(Optional.of(origin.topic())))
        .filter(
            letter ->
                header(letter, "zcbot_partition")
                    .equals(Optional.of(Integer.toString(origin.partition()))))
        .filter(
            letter ->
                header(letter, "zcbot_offset").equals(Optional.of(Long.toString(origin.offset()))))
        .toList();
  }

  private static Optional<String> header(ConsumerRecord<byte[], byte[]> record, String name) {
    Header last = record.headers().lastHeader(name);
    return Optional.ofNullable(last).map(header -> new String(header.value(), UTF_8));
  }
}
