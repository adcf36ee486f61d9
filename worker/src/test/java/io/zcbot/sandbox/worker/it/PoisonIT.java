/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static java.nio.charset.StandardCharsets.UTF_16;
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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
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
import org.apache.kafka.common.header.internals.RecordHeader;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestFactory;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;

/** Records that are no events: kept as they were, in nobody's way, never near the engine. */
@Tag("engine")
@Tag("kafka")
@Timeout(value = 2, unit = TimeUnit.MINUTES)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class PoisonIT {
  private static final String USER = "7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10";

  /** A bad record and the field that the worker must name. */
  private record Poison(
      String name,
      byte @Nullable [] key,
      byte @Nullable [] value,
      List<Header> headers,
      String at) {}

  private record Sent(Poison poison, RecordMetadata to) {
    @Override
    public String toString() {
      return to.topic().replaceAll(".*\\.", "") + ": " + poison.name;
    }
  }

  private Deployment deployment;
  private final List<Sent> sent = new ArrayList<>();
  private final List<UserId> users = new ArrayList<>();

  /** Each kind once into each input, all partitions, before a good ensure in each partition. */
  @BeforeAll
  void poison() throws Exception {
    deployment = new Deployment().with("ZCBOT_SANDBOX_IDLE_TTL", "4s");
    deployment.start("a");
    for (Topic topic : List.of(Topic.ENSURE, Topic.ACTIVITY)) {
      List<Poison> kinds = new ArrayList<>(kinds());
      kinds.addAll(topic == Topic.ENSURE ? kindsOfEnsures() : kindsOfActivity());
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
                            poison.key,
                            poison.value,
                            poison.headers))));
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
    assertThat(letter.key()).isEqualTo(bad.poison.key);
    assertThat(letter.value()).isEqualTo(bad.poison.value);
    List<Header> headers = Arrays.asList(letter.headers().toArray());
    assertThat(headers.subList(0, bad.poison.headers.size())).isEqualTo(bad.poison.headers);
    assertThat(headers.subList(bad.poison.headers.size(), headers.size()))
        .extracting(Header::key)
        .containsExactlyInAnyOrder(
            "zcbot_error", "zcbot_error_field", "zcbot_topic", "zcbot_partition", "zcbot_offset");
    assertThat(header(letter, "zcbot_error_field")).hasValue(bad.poison.at);
    assertThat(header(letter, "zcbot_error").orElseThrow())
        .startsWith(bad.poison.at + ": ")
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
    assertThat(deployment.host().containersOf(new UserId(UUID.fromString(USER)))).isEmpty();
    assertThat(deployment.workspaces().toFile().list((_, name) -> !name.startsWith(".")))
        .isSubsetOf(expected);
    assertThat(deployment.log().records(Topic.READY))
        .extracting(record -> new String(record.key(), UTF_8))
        .isSubsetOf(expected);
    assertThat(deployment.log().records(Topic.FAILED)).isEmpty();
  }

  @Test
  void activityBehindItIsReadAndIdlenessStillJudged() throws Exception {
    for (UserId user : users) {
      int ready = deployment.log().readies(user).size();
      deployment.agent().ensure(user);
      deployment.log().awaitReady(user, ready + 1);
    }
    Map<UserId, Integer> reaped = new HashMap<>();
    users.forEach(user -> reaped.put(user, deployment.log().reaped(user).size()));
    for (int i = 0; i < 6; i++) {
      TimeUnit.SECONDS.sleep(1);
      for (UserId user : users) {
        deployment
            .agent()
            .send(
                new ProducerRecord<>(
                    deployment.topic(Topic.ACTIVITY), deployment.home(user), null, bytes("{")));
        deployment.agent().activity(user);
      }
    }
    users.forEach(user -> assertThat(deployment.log().reaped(user)).hasSize(reaped.get(user)));
    for (UserId user : users) {
      await("idle reap of " + user)
          .atMost(Duration.ofSeconds(12))
          .until(() -> deployment.log().reaped(user).size() == reaped.get(user) + 1);
      assertThat(deployment.log().reaped(user).getLast().reason()).isEqualTo(Reaped.Reason.IDLE);
    }
  }

  @Test
  void whatTheDeadLetterTopicCanNotHoldIsCutAndHoldsNobodyUp() throws Exception {
    try (Deployment narrow = new Deployment()) {
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
          .get(10, TimeUnit.SECONDS);
      narrow.start("a");
      byte[] huge = huge(1_048_400);
      UserId user = Deployment.newUser();
      RecordMetadata to =
          narrow
              .agent()
              .send(
                  new ProducerRecord<>(
                      narrow.topic(Topic.ENSURE), narrow.home(user), bytes(user.toString()), huge));
      narrow.agent().ensured(user);
      List<ConsumerRecord<byte[], byte[]>> letters =
          await()
              .atMost(Deployment.SOON)
              .until(() -> deadLettersOf(narrow, to), found -> !found.isEmpty());
      ConsumerRecord<byte[], byte[]> letter = letters.getFirst();
      assertThat(letter.key()).isEqualTo(bytes(user.toString()));
      assertThat(letter.value()).isEqualTo(Arrays.copyOf(huge, 64 * 1024));
      assertThat(header(letter, "zcbot_truncated")).hasValue("true");
      await().atMost(Deployment.SOON).until(narrow.group()::isAllCommitted);
    }
  }

  @Test
  void aHeaderThatTheDeadLetterTopicCanNotHoldIsLeftOutAndHoldsNobodyUp() throws Exception {
    try (Deployment narrow = new Deployment()) {
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
          .get(10, TimeUnit.SECONDS);
      narrow.start("a");
      UserId user = Deployment.newUser();
      // The worker's own headers begin like that, but this one is the sender's.
      ProducerRecord<byte[], byte[]> record =
          new ProducerRecord<>(
              narrow.topic(Topic.ENSURE), narrow.home(user), bytes(user.toString()), bytes("{"));
      record.headers().add("zcbot_x", huge(1_048_300));
      RecordMetadata to = narrow.agent().send(record);
      narrow.agent().ensured(user);
      ConsumerRecord<byte[], byte[]> letter =
          await()
              .atMost(Deployment.SOON)
              .until(() -> deadLettersOf(narrow, to), found -> !found.isEmpty())
              .getFirst();
      assertThat(letter.key()).isEqualTo(bytes(user.toString()));
      assertThat(letter.value()).isEqualTo(bytes("{"));
      assertThat(header(letter, "zcbot_x")).isEmpty();
      assertThat(header(letter, "zcbot_truncated")).hasValue("true");
      await().atMost(Deployment.SOON).until(narrow.group()::isAllCommitted);
    }
  }

  private static List<Poison> kinds() {
    String upper = USER.toUpperCase(Locale.ROOT);
    return List.of(
        of("no JSON", USER, "hello", "value"),
        of("empty", USER, "", "value"),
        of("blank", USER, "  \n", "value"),
        of("half an object", USER, "{\"user_id\":\"" + USER + "\"", "value"),
        of("two objects", USER, json(USER) + json(USER), "value"),
        of("the same field twice", USER, "{'user_id':'%s','user_id':'%s'}", "value"),
        of("an array", USER, "[" + json(USER) + "]", "value"),
        of("a string", USER, "\"" + USER + "\"", "value"),
        of("JSON null", USER, "null", "value"),
        new Poison("null value", bytes(USER), null, List.of(), "value"),
        new Poison("null key", null, bytes(json(USER)), List.of(), "key"),
        new Poison("null key and value", null, null, List.of(), "value"),
        new Poison("empty key", new byte[0], bytes(json(USER)), List.of(), "key"),
        of("another key", "11111111-1111-4111-8111-111111111111", json(USER), "key"),
        of("upper-case key", upper, json(USER), "key"),
        of("upper case", upper, json(upper), "user_id"),
        of("a path", "../x", json("../x"), "user_id"),
        of("a path behind a UUID", USER + "/../x", json(USER + "/../x"), "user_id"),
        of("NUL", USER + "\0", json(USER + "\\u0000"), "user_id"),
        of("a line break behind", USER + "\n", json(USER + "\\n"), "user_id"),
        of("braces", "{" + USER + "}", json("{" + USER + "}"), "user_id"),
        of("no dashes", USER.replace("-", ""), json(USER.replace("-", "")), "user_id"),
        of("300 characters", "a".repeat(300), json("a".repeat(300)), "user_id"),
        of("a key of 300 characters", "a".repeat(300), json(USER), "key"),
        of("no user", USER, "{}", "user_id"),
        of("a number for a user", USER, "{'user_id':7}", "user_id"),
        of("an object for a user", USER, "{'user_id':{'id':'%s'}}", "user_id"),
        of("an empty id", USER, "{'user_id':'%s','event_id':''}", "event_id"),
        of("a number for an id", USER, "{'user_id':'%s','event_id':1}", "event_id"),
        of(
            "an id of 5,000 characters",
            USER,
            "{'user_id':'%s','event_id':'" + "e".repeat(5000) + "'}",
            "event_id"),
        new Poison("64 KiB and one", bytes(USER), huge(64 * 1024 + 1), List.of(), "value"),
        new Poison("all a broker takes", bytes(USER), huge(1_048_400), List.of(), "value"),
        of(
            "deep",
            USER,
            "{'user_id':'%s','x':" + "[".repeat(20_000) + "]".repeat(20_000) + "}",
            "value"),
        of(
            "a number without end",
            USER,
            "{'user_id':'%s','x':" + "9".repeat(50_000) + "}",
            "value"),
        new Poison(
            "not UTF-8",
            bytes(USER),
            concat(bytes("{\"user_id\":\"" + USER + "\",\"x\":\""), new byte[] {(byte) 0xc3, 0x28}),
            List.of(),
            "value"),
        new Poison("UTF-16", bytes(USER), json(USER).getBytes(UTF_16), List.of(), "value"),
        new Poison(
            "a key not UTF-8", new byte[] {(byte) 0xff, 0}, bytes(json(USER)), List.of(), "key"),
        new Poison("many headers", bytes(USER), bytes("{"), manyHeaders(), "value"),
        new Poison(
            "headers that claim to be ours",
            bytes(USER),
            bytes("{"),
            List.of(
                new RecordHeader("zcbot_offset", bytes("0")),
                new RecordHeader("zcbot_error", null)),
            "value"));
  }

  private static List<Poison> kindsOfEnsures() {
    return List.of(
        of("no time", USER, "{'user_id':'%s','requested_at':'yesterday'}", "requested_at"),
        of("a number for a time", USER, "{'user_id':'%s','expires_at':1763996400}", "expires_at"),
        of(
            "a time without zone",
            USER,
            "{'user_id':'%s','expires_at':'2026-11-24T15:00:00'}",
            "expires_at"),
        of(
            "a time in the year 10,000,000",
            USER,
            "{'user_id':'%s','expires_at':'+10000000-01-01T00:00:00Z'}",
            "expires_at"),
        of("a list of requesters", USER, "{'user_id':'%s','requested_by':['x']}", "requested_by"));
  }

  private static List<Poison> kindsOfActivity() {
    return List.of(
        of("no time", USER, "{'user_id':'%s','occurred_at':'24.11.2026'}", "occurred_at"),
        of("true for a source", USER, "{'user_id':'%s','source':true}", "source"));
  }

  private static Poison of(String name, String key, String value, String at) {
    String json = value.contains("'") ? value.replace("%s", USER).replace('\'', '"') : value;
    return new Poison(name, bytes(key), bytes(json), List.of(), at);
  }

  private static String json(String user) {
    return "{\"user_id\":\"" + user + "\"}";
  }

  private static byte[] huge(int size) {
    byte[] start = bytes("{\"user_id\":\"" + USER + "\",\"x\":\"");
    byte[] value = new byte[size];
    Arrays.fill(value, (byte) 'x');
    System.arraycopy(start, 0, value, 0, start.length);
    value[size - 2] = '"';
    value[size - 1] = '}';
    return value;
  }

  private static List<Header> manyHeaders() {
    List<Header> headers = new ArrayList<>();
    for (int i = 0; i < 1000; i++) {
      headers.add(new RecordHeader("header-" + i % 10, bytes("value " + i)));
    }
    headers.add(new RecordHeader("null", null));
    return headers;
  }

  private static byte[] bytes(String text) {
    return text.getBytes(UTF_8);
  }

  private static byte[] concat(byte[] one, byte[] other) {
    byte[] both = Arrays.copyOf(one, one.length + other.length);
    System.arraycopy(other, 0, both, one.length, other.length);
    return both;
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
