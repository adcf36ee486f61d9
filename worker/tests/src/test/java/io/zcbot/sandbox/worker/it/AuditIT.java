/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.within;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.cli.Cli;
import io.zcbot.sandbox.worker.cli.Console;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import io.zcbot.sandbox.worker.testkit.deployment.KafkaForTests;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.config.TopicConfig;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Audit and export against a real broker. */
@Tag("engine")
@Tag("kafka")
class AuditIT {
  private static final int PARTITIONS = 3;

  @TempDir private Path dir;
  private final String prefix = "audit-" + UUID.randomUUID() + ".";
  private final Instant start = Instant.now().minusSeconds(3_600).truncatedTo(ChronoUnit.MILLIS);
  private final EventCodec codec = new EventCodec();
  private Admin admin;
  private Producer<byte[], byte[]> producer;
  private String out;
  private String err;

  @BeforeEach
  void connect() throws Exception {
    Map<String, Object> kafka =
        Map.of("bootstrap.servers", KafkaForTests.bootstrapServers(), "linger.ms", "0");
    admin = Admin.create(Map.of("bootstrap.servers", KafkaForTests.bootstrapServers()));
    admin
        .createTopics(
            Arrays.stream(Topic.values())
                .map(t -> new NewTopic(t.named(prefix), PARTITIONS, (short) 1))
                .toList())
        .all()
        .get();
    producer = new KafkaProducer<>(kafka, new ByteArraySerializer(), new ByteArraySerializer());
  }

  @AfterEach
  void disconnect() throws Exception {
    producer.close();
    admin
        .deleteTopics(Arrays.stream(Topic.values()).map(t -> t.named(prefix)).toList())
        .all()
        .get();
    admin.close();
  }

  private int sandbox(String... args) {
    return sandbox(new StringWriter(), args);
  }

  private int sandbox(StringWriter outWriter, String... args) {
    StringWriter errWriter = new StringWriter();
    Map<String, String> env =
        Map.of(
            "ZCBOT_KAFKA_BOOTSTRAP_SERVERS",
            KafkaForTests.bootstrapServers(),
            "ZCBOT_TOPIC_PREFIX",
            prefix,
            "ZCBOT_KAFKA_DEFAULT_API_TIMEOUT_MS", // as in CliProcess
            "60000");
    int code =
        Cli.commandLine(
                new Console(
                    env, new PrintWriter(outWriter, true), new PrintWriter(errWriter, true), false))
            .execute(args);
    out = outWriter.toString();
    err = errWriter.toString();
    return code;
  }

  private void send(SandboxEvent event) throws Exception {
    send(producer, event);
  }

  private void send(Producer<byte[], byte[]> with, SandboxEvent event) throws Exception {
    with.send(
            new ProducerRecord<>(
                event.topic().named(prefix),
                null,
                event.at().toEpochMilli(),
                codec.key(event),
                codec.encode(event)))
        .get();
  }

  private static UserId newUser() {
    return new UserId(UUID.randomUUID());
  }

  /** A user's sandbox from ensure to idle reap; {@code begin} in seconds from the start. */
  private void session(UserId user, double begin, String container) throws Exception {
    String ensure = "ensure-" + container;
    send(new Ensure(ensure, user, at(begin), "test", null));
    ready(user, begin + 1, ensure, container);
    send(new Activity("activity-" + container, user, at(begin + 2), null));
    send(reaped(user, begin + 305, container));
  }

  private Instant at(double seconds) {
    return start.plusMillis((long) (seconds * 1000));
  }

  private void ready(UserId user, double t, String ensure, String container) throws Exception {
    send(
        SampleEvents.ready(
            user,
            ensure,
            at(t),
            SampleEvents.container(user, container),
            Ready.Outcome.CREATED,
            900));
  }

  private Reaped reaped(UserId user, double t, String container) {
    return SampleEvents.reaped(
        user, at(t), SampleEvents.container(user, container), Reaped.Reason.IDLE);
  }

  @Test
  void aCleanLog() throws Exception {
    for (int i = 0; i < 20; i++) {
      session(newUser(), i * 10, "container-" + i);
    }
    assertThat(sandbox("audit")).isZero();
    assertThat(out).contains("sessions    20 (idle 20)", "violations  none");
    assertThat(err).isEmpty();
  }

  @Test
  void neitherGroupsNorOffsetsNorRecordsComeOfIt() throws Exception {
    session(newUser(), 0, "container");
    Map<TopicPartition, Long> before = ends();
    var groups = groups();
    assertThat(sandbox("audit")).isZero();
    assertThat(sandbox("export", "-o", dir.resolve("x").toString())).isZero();
    assertThat(groups()).isEqualTo(groups);
    for (String group : groups) {
      assertThat(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get())
          .noneSatisfy((p, _) -> assertThat(p.topic()).startsWith(prefix));
    }
    assertThat(ends()).isEqualTo(before);
  }

  /** Without the groups of other tests' deployments, which come and go meanwhile. */
  private Set<String> groups() throws Exception {
    return admin.listGroups().all().get().stream()
        .map(GroupListing::groupId)
        .filter(group -> !group.startsWith("it-"))
        .collect(Collectors.toSet());
  }

  private Map<TopicPartition, Long> ends() throws Exception {
    Map<TopicPartition, OffsetSpec> all = new HashMap<>();
    for (Topic topic : Topic.values()) {
      for (int i = 0; i < PARTITIONS; i++) {
        all.put(new TopicPartition(topic.named(prefix), i), OffsetSpec.latest());
      }
    }
    Map<TopicPartition, Long> ends = new HashMap<>();
    admin.listOffsets(all).all().get().forEach((p, info) -> ends.put(p, info.offset()));
    return ends;
  }

  @Test
  void anExportTellsWhatTheTopicsTell() throws Exception {
    for (int i = 0; i < 30; i++) {
      session(newUser(), i * 10, "container-" + i);
    }
    UserId unlucky = newUser();
    send(new Ensure("lost", unlucky, at(400), null, null));
    ready(unlucky, 500, "e1", "one");
    ready(unlucky, 600, "e2", "other");
    String topic = Topic.ENSURE.named(prefix);
    producer
        .send(new ProducerRecord<>(topic, 1, at(10).toEpochMilli(), null, new byte[] {-1}))
        .get();

    String to = at(3_000).toString();
    assertThat(sandbox("audit", "--json", "--to", to)).isEqualTo(1);
    String direct = out;
    assertThat(direct)
        .contains("\"I2\":1", "\"I4\":1", "\"I6\":1", "\"unreadable\":1")
        .contains(topic + "-1-");

    Path file = dir.resolve("log.jsonl");
    assertThat(sandbox("export", "--to", to, "-o", file.toString())).isZero();
    assertThat(err).isEqualTo("exported 124 records to " + file + "\n");
    assertThat(sandbox("audit", "--json", "--input", file.toString())).isEqualTo(1);
    assertThat(out).isEqualTo(direct);

    assertThat(sandbox("export", "--to", to)).isZero();
    assertThat(out).isEqualTo(Files.readString(file));
    assertThat(err).isEmpty();

    assertThat(sandbox("audit", "--to", to, "--what-if", "warm=auto", "--what-if", "warm=0"))
        .isZero();
    String supposed = out;
    // One came again before its sandbox, whose end is missing, would have been idle for too long.
    assertThat(supposed.lines().map(line -> line.replaceAll(" +", " ")))
        .anyMatch(line -> line.startsWith("as logged 0 32 0 0.0 %"))
        .anyMatch(line -> line.startsWith("warm=auto 31 0 0 100.0 %"))
        .anyMatch(line -> line.startsWith("warm=0 0 31 0 0.0 %"));
    assertThat(
            sandbox(
                "audit",
                "--input",
                file.toString(),
                "--what-if",
                "warm=auto",
                "--what-if",
                "warm=0"))
        .isZero();
    assertThat(out).isEqualTo(supposed);
  }

  @Test
  void oneUserAndAStretchOfTime() throws Exception {
    UserId user = newUser();
    session(user, 0, "first");
    session(user, 1_000, "second");
    session(newUser(), 1_000, "another's");
    assertThat(sandbox("audit", "--user", user.toString())).isZero();
    assertThat(out).contains("first", "second", "sessions    2").doesNotContain("another's");
    assertThat(sandbox("audit", "--from", at(900).toString())).isZero();
    assertThat(out).contains("second", "another's", "sessions    2").doesNotContain("first");
    assertThat(sandbox("audit", "--to", at(900).toString())).isZero();
    assertThat(out).contains("first", "sessions    1").doesNotContain("second");
    assertThat(sandbox("audit", "--from", "10m")).isZero();
    assertThat(out).startsWith("records     0\n");
  }

  @Test
  void whatRetentionTookIsNoViolation() throws Exception {
    UserId user = newUser();
    session(user, 0, "first");
    session(user, 1_000, "second");
    session(user, 2_000, "third");
    int partition =
        ends().entrySet().stream()
            .filter(e -> e.getKey().topic().equals(Topic.READY.named(prefix)) && e.getValue() > 0)
            .findFirst()
            .orElseThrow()
            .getKey()
            .partition();
    // The topics are cut at different places, as segments are.
    limitSize(Topic.REAPED);
    limitSize(Topic.READY);
    delete(Topic.REAPED, partition, 2);
    delete(Topic.READY, partition, 1);
    assertThat(sandbox("audit")).isZero();
    assertThat(out).contains("ensures     3 (created 2), 1 open", "violations  none");
  }

  /** Read from the beginning, cut to the time that is asked for; what retention took is told. */
  @Test
  void usageOfRealTopics() throws Exception {
    UserId user = newUser();
    session(user, 0, "first");
    session(user, 1_000, "second");
    session(newUser(), 1_000, "another's");
    assertThat(sandbox("usage", "--csv", "--user", user.toString())).isZero();
    assertThat(out)
        .isEqualTo(
            "user_id,sandboxes,claims,sandbox_seconds,commands,cpu_seconds,output_bytes\n"
                + user
                + ",2,0,608.000,0,0.000,0\n");
    String from = at(1_101).toString();
    assertThat(sandbox("usage", "--json", "--from", from, "--to", at(1_200).toString())).isZero();
    assertThat(out.lines().toList().getLast())
        .contains("\"sandboxes\":0,", "\"sandbox_seconds\":198.000,", "\"sandboxes_open\":2,");
    delete(Topic.READY, new KeyPartitions(PARTITIONS).of(user), 1);
    assertThat(sandbox("usage", "--user", user.toString())).isZero();
    assertThat(out)
        .contains("noted       older records of sandboxes are deleted, complete since ")
        .contains("noted       1 sandboxes are older than their first record");
  }

  /** Their absence proves nothing of the time before, and of the time after it does. */
  @Test
  void aTopicOfWhichNothingIsLeftIsCompleteForAsLongAsItKeepsRecords() throws Exception {
    UserId user = newUser();
    session(user, 0, "first");
    delete(Topic.READY, new KeyPartitions(PARTITIONS).of(user), -1); // all that there are
    assertThat(sandbox("usage", "--user", user.toString())).isZero();
    Matcher noted =
        Pattern.compile("older records of sandboxes are deleted, complete since (\\S+)")
            .matcher(out);
    assertThat(noted.find()).as(out).isTrue();
    assertThat(Instant.parse(noted.group(1)))
        .as("the broker keeps records for a week")
        .isCloseTo(Instant.now().minus(Duration.ofDays(7)), within(10, ChronoUnit.MINUTES));
  }

  @Test
  void anExportFailsIfRecordsAreDeletedBeforeItReadThem() throws Exception {
    String topic = Topic.OUTPUT.named(prefix);
    for (int i = 0; i < 200; i++) {
      long time = at(i).toEpochMilli();
      var _ = producer.send(new ProducerRecord<>(topic, 0, time, null, new byte[60_000]));
      // Otherwise the broker may refuse the first records of a new topic and take those behind them
      // (KAFKA-15591).
      producer.flush();
    }
    StringWriter deleting =
        new StringWriter() {
          private boolean isDeleted;

          @Override
          public void write(char[] text, int from, int length) {
            super.write(text, from, length);
            if (!isDeleted) {
              isDeleted = true;
              assertThatCode(() -> delete(Topic.OUTPUT, 0, 150)).doesNotThrowAnyException();
            }
          }

          @Override
          public void write(String text, int from, int length) {
            write(text.toCharArray(), from, length);
          }
        };
    assertThat(sandbox(deleting, "export")).as(err).isEqualTo(69);
    assertThat(err)
        .contains("the brokers deleted records of " + topic + "-0 before they were read");
    assertThat(out).contains("\"offset\":0,").doesNotContain("\"complete\"");
  }

  /** The size is far from being reached, but the age no longer tells what is deleted. */
  private void limitSize(Topic topic) throws Exception {
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic.named(prefix));
    ConfigEntry size = new ConfigEntry(TopicConfig.RETENTION_BYTES_CONFIG, "1000000000");
    AlterConfigOp set = new AlterConfigOp(size, AlterConfigOp.OpType.SET);
    admin.incrementalAlterConfigs(Map.of(resource, List.of(set))).all().get();
    await()
        .atMost(Duration.ofSeconds(60))
        .untilAsserted(
            () ->
                assertThat(admin.describeConfigs(List.of(resource)).all().get().get(resource))
                    .extracting(config -> config.get(size.name()).value())
                    .isEqualTo(size.value()));
  }

  private void delete(Topic topic, int partition, long before) throws Exception {
    admin
        .deleteRecords(
            Map.of(
                new TopicPartition(topic.named(prefix), partition),
                RecordsToDelete.beforeOffset(before)))
        .all()
        .get();
  }

  @Test
  void offsetsWithoutRecordsAreSteppedOver() throws Exception {
    Map<String, Object> transactional =
        Map.of(
            "bootstrap.servers",
            KafkaForTests.bootstrapServers(),
            "transactional.id",
            prefix + "tx");
    UserId user = newUser();
    try (Producer<byte[], byte[]> tx =
        new KafkaProducer<>(transactional, new ByteArraySerializer(), new ByteArraySerializer())) {
      tx.initTransactions();
      for (int i = 0; i < 3; i++) {
        tx.beginTransaction();
        send(tx, new Activity("a" + i, user, at(i), null));
        tx.commitTransaction();
      }
    }
    assertThat(sandbox("audit")).isZero();
    assertThat(out).startsWith("records     3 (activity 3)");
  }

  @Test
  void topicsThatAreNotThereAreNamed() throws Exception {
    String known = prefix;
    StringWriter errors = new StringWriter();
    int code =
        Cli.commandLine(
                new Console(
                    Map.of(
                        "ZCBOT_KAFKA_BOOTSTRAP_SERVERS",
                        KafkaForTests.bootstrapServers(),
                        "ZCBOT_TOPIC_PREFIX",
                        "not-" + known),
                    new PrintWriter(errors, true),
                    new PrintWriter(errors, true),
                    false))
            .execute("audit");
    assertThat(code).isEqualTo(78);
    assertThat(errors.toString()).contains("the topic does not exist");
  }
}
