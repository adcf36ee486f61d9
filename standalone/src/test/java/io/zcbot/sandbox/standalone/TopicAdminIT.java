/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.standalone;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.worker.config.KafkaConfig;
import io.zcbot.sandbox.worker.kafka.AdminOffsets;
import io.zcbot.sandbox.worker.kafka.KafkaClients;
import io.zcbot.sandbox.worker.kafka.PartitionOffsets.Span;
import io.zcbot.sandbox.worker.publish.TopicAdmin;
import io.zcbot.sandbox.worker.publish.TopicsException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.RetriableException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.io.TempDir;

class TopicAdminIT {
  private static final Map<String, String> INPUT =
      Map.of("message.timestamp.type", "LogAppendTime");

  private static final Duration SOON = Duration.ofSeconds(90);

  @TempDir private static Path data;
  private static EmbeddedBroker broker;
  private static Admin admin;

  @BeforeAll
  static void start() throws Exception {
    broker = EmbeddedBroker.start(data, 0);
    admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()));
  }

  @AfterAll
  static void stop() throws Exception {
    admin.close();
    broker.close();
  }

  private static KafkaConfig config(String prefix, boolean create, int partitions) {
    return new KafkaConfig(
        Map.of("bootstrap.servers", broker.bootstrapServers()),
        "g",
        prefix,
        create,
        partitions,
        (short) -1);
  }

  /** A separate topic prefix for each test, on one broker. */
  private static String prefix(TestInfo test) {
    return test.getTestMethod().orElseThrow().getName() + ".";
  }

  private static String setting(String topic, String name) throws Exception {
    ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
    return admin.describeConfigs(List.of(resource)).all().get().get(resource).get(name).value();
  }

  private static void create(String prefix, Topic topic, int partitions, Map<String, String> how)
      throws Exception {
    admin
        .createTopics(
            List.of(new NewTopic(topic.named(prefix), partitions, (short) 1).configs(how)))
        .all()
        .get();
    // The broker tells of it a moment later.
    await()
        .atMost(SOON)
        .until(() -> admin.listTopics().names().get().contains(topic.named(prefix)));
  }

  @Test
  void missingTopicsAreCreatedWithWhatTheyNeed(TestInfo test) throws Exception {
    String prefix = prefix(test);
    TopicAdmin topics = new TopicAdmin(admin, config(prefix, true, 5));

    assertThat(topics.describe()).isEmpty();
    assertThat(topics.verifyOrCreate()).isEqualTo(5);
    assertThat(topics.describe()).hasSize(Topic.values().length).containsValue(5);
    assertThat(setting(prefix + "ensure", "message.timestamp.type")).isEqualTo("LogAppendTime");
    assertThat(setting(prefix + "activity", "message.timestamp.type")).isEqualTo("LogAppendTime");
    assertThat(setting(prefix + "exec", "message.timestamp.type")).isEqualTo("LogAppendTime");
    assertThat(setting(prefix + "commands", "cleanup.policy")).isEqualTo("compact");
    assertThat(setting(prefix + "commands", "segment.bytes")).isEqualTo("8388608");
    assertThat(setting(prefix + "live", "max.compaction.lag.ms")).isEqualTo("3600000");
    assertThat(setting(prefix + "ready", "message.timestamp.type")).isEqualTo("CreateTime");
    assertThat(setting(prefix + "dead-letter", "max.message.bytes")).isEqualTo("2097152");

    // The second time there is nothing to do, whatever the settings say about new ones.
    assertThat(new TopicAdmin(admin, config(prefix, true, 7)).verifyOrCreate()).isEqualTo(5);
    assertThat(new TopicAdmin(admin, config(prefix, false, 7)).verify()).isEqualTo(5);
  }

  @Test
  void thoseCreatedLaterFollowThoseThatAreThere(TestInfo test) throws Exception {
    String prefix = prefix(test);
    create(prefix, Topic.ENSURE, 3, INPUT);
    assertThat(new TopicAdmin(admin, config(prefix, true, 12)).verifyOrCreate()).isEqualTo(3);
  }

  @Test
  void aRaisedTopicIsRefusedAndAServingWorkerMustNotGoOn(TestInfo test) throws Exception {
    String prefix = prefix(test);
    TopicAdmin topics = new TopicAdmin(admin, config(prefix, true, 3));
    assertThat(topics.verifyOrCreate()).isEqualTo(3);
    assertThat(topics.change(3)).isNull();
    assertThat(topics.change(4))
        .startsWith("can't go on: it serves users by 4 partitions")
        .contains("(all have 3)")
        .endsWith("Start all workers again");

    admin.createPartitions(Map.of(prefix + "ensure", NewPartitions.increaseTo(5))).all().get();
    await()
        .atMost(SOON)
        .untilAsserted(() -> assertThat(topics.describe()).containsEntry(Topic.ENSURE, 5));
    assertThat(topics.change(3))
        .contains(
            prefix + "ensure has 5, " + prefix + "activity has 3",
            "Stop all workers with ZCBOT_RESTART=purge, then run: kafka-topics.sh",
            "--topic " + prefix + "live --partitions 5",
            ", then start them again");
    assertThatThrownBy(topics::verifyOrCreate)
        .isInstanceOf(TopicsException.class)
        .hasMessageContainingAll(
            "their partition counts differ: " + prefix + "ensure has 5",
            "--topic " + prefix + "live --partitions 5");
  }

  @Test
  void workersThatStartTogetherDonTDisturbOneAnother(TestInfo test) throws Exception {
    String prefix = prefix(test);
    try (var threads = Executors.newVirtualThreadPerTaskExecutor()) {
      List<Future<Integer>> counts = new ArrayList<>();
      for (int i = 0; i < 5; i++) {
        // Each with another idea of how many: the first one's holds.
        KafkaConfig config = config(prefix, true, 4 + i);
        counts.add(threads.submit(() -> new TopicAdmin(admin, config).verifyOrCreate()));
      }
      int first = counts.getFirst().get();
      assertThat(first).isBetween(4, 8);
      for (Future<Integer> count : counts) {
        assertThat(count.get()).isEqualTo(first);
      }
    }
  }

  @Test
  void missingTopicsAreRefusedWhereNoneMayBeCreated(TestInfo test) {
    String prefix = prefix(test);
    TopicsException e =
        catchThrowableOfType(
            TopicsException.class,
            () -> new TopicAdmin(admin, config(prefix, false, 5)).verifyOrCreate());
    assertThat(e.isFinal()).isTrue();
    assertThat(e)
        .hasMessage(
            "could not use the topics on "
                + broker.bootstrapServers()
                + ": these topics do not exist: "
                + ("%1$sensure, %1$sactivity, %1$sready, %1$sreaped, %1$sfailed, %1$sdead-letter,"
                        + " %1$sexec, %1$sinput, %1$sstarted, %1$soutput, %1$sexited, %1$srelease,"
                        + " %1$sexpiring, %1$slive, %1$scommands, %1$scurrent")
                    .formatted(prefix)
                + "; create them with 'topics create', or set ZCBOT_TOPICS_CREATE=true so that"
                + " the worker creates them");
  }

  @Test
  void unequalPartitionCountsAreRefused(TestInfo test) throws Exception {
    String prefix = prefix(test);
    create(prefix, Topic.READY, 3, Map.of());
    create(prefix, Topic.REAPED, 2, Map.of());
    TopicsException e =
        catchThrowableOfType(
            TopicsException.class,
            () -> new TopicAdmin(admin, config(prefix, true, 12)).verifyOrCreate());
    assertThat(e.isFinal()).isTrue();
    assertThat(e.getMessage())
        .contains(
            "their partition counts differ: ",
            "%1$sready has 3, %1$sreaped has 2".formatted(prefix),
            "Stop all workers, then run: kafka-topics.sh --bootstrap-server "
                + broker.bootstrapServers()
                + " --alter --topic ",
            " --topic " + prefix + "reaped --partitions 3");
  }

  @Test
  void inputsWithoutTheBrokersTimeAreRefused(TestInfo test) throws Exception {
    String prefix = prefix(test);
    create(prefix, Topic.ENSURE, 2, Map.of());
    assertThatThrownBy(() -> new TopicAdmin(admin, config(prefix, true, 2)).verifyOrCreate())
        .isInstanceOf(TopicsException.class)
        .hasMessageContaining(
            prefix + "ensure has message.timestamp.type=CreateTime instead of LogAppendTime")
        .hasMessageEndingWith(
            "Run: kafka-configs.sh --bootstrap-server "
                + broker.bootstrapServers()
                + " --alter --entity-type topics --entity-name "
                + prefix
                + "ensure --add-config message.timestamp.type=LogAppendTime");
  }

  @Test
  void settingsTheBrokerRefusesAreFinal(TestInfo test) {
    KafkaConfig impossible =
        new KafkaConfig(
            Map.of("bootstrap.servers", broker.bootstrapServers()),
            "g",
            prefix(test),
            true,
            2,
            (short) 3);
    TopicsException e =
        catchThrowableOfType(
            TopicsException.class, () -> new TopicAdmin(admin, impossible).verifyOrCreate());
    assertThat(e.isFinal()).isTrue();
    assertThat(e.getMessage()).contains("could not create topic", "replication factor");
  }

  /** The broker does not know a partition, as none does whose leader is away. */
  @Test
  void offsetsAreToldOfEachPartitionByItself(TestInfo test) throws Exception {
    String topic = Topic.READY.named(prefix(test));
    create(prefix(test), Topic.READY, 2, Map.of());
    TopicPartition first = new TopicPartition(topic, 0);
    TopicPartition second = new TopicPartition(topic, 1);
    TopicPartition away = new TopicPartition(topic, 7);
    try (Producer<byte[], byte[]> producer =
            new KafkaClients(config(prefix(test), false, 2), "offsets").producer();
        AdminOffsets offsets =
            new AdminOffsets(new KafkaClients(config(prefix(test), false, 2), "offsets")::admin)) {
      for (long time : List.of(1_000L, 2_000L, 3_000L)) {
        producer.send(new ProducerRecord<>(topic, 0, time, new byte[] {1}, new byte[] {2})).get();
      }
      var ends = offsets.ends(List.of(first, second, away));
      assertThat(ends.get(first).get(60, TimeUnit.SECONDS)).isEqualTo(3);
      assertThat(ends.get(second).get(60, TimeUnit.SECONDS)).isEqualTo(0);
      assertThat(ends.get(away)).isNotDone();

      var spans = offsets.since(List.of(first, second, away), Instant.ofEpochMilli(1_500));
      assertThat(spans.get(first).get(60, TimeUnit.SECONDS)).isEqualTo(new Span(1, 3));
      assertThat(spans.get(second).get(60, TimeUnit.SECONDS)).isEqualTo(new Span(0, 0));
      assertThat(
              offsets
                  .since(List.of(first), Instant.ofEpochMilli(3_001))
                  .get(first)
                  .get(60, TimeUnit.SECONDS))
          .isEqualTo(new Span(3, 3));
      assertThat(ends.get(away))
          .failsWithin(SOON)
          .withThrowableThat()
          .withCauseInstanceOf(RetriableException.class);
    }
  }

  @Test
  void kafkaNotReachedIsPassing() {
    try (Admin nobody =
        Admin.create(
            Map.of(
                "bootstrap.servers", "127.0.0.1:1",
                "default.api.timeout.ms", "300",
                "request.timeout.ms", "300"))) {
      TopicsException e =
          catchThrowableOfType(
              TopicsException.class,
              () -> new TopicAdmin(nobody, config("x.", true, 2)).verifyOrCreate());
      assertThat(e.isFinal()).isFalse();
      assertThat(e.getMessage())
          .startsWith("could not describe topic x.ensure on ")
          .endsWith("check that Kafka runs there and that ZCBOT_KAFKA_BOOTSTRAP_SERVERS is right");
    }
  }

  @Test
  void allThatAreCreatedLaterHaveAsManyPartitionsAsAnOutputThatIsThere(TestInfo test)
      throws Exception {
    String prefix = prefix(test);
    create(prefix, Topic.READY, 5, Map.of());
    TopicAdmin topics = new TopicAdmin(admin, config(prefix, true, 12));
    await()
        .atMost(SOON)
        .untilAsserted(() -> assertThat(topics.describe()).containsOnlyKeys(Topic.READY));

    assertThat(topics.verifyOrCreate()).isEqualTo(5);
    assertThat(topics.describe().values()).hasSize(Topic.values().length).containsOnly(5);
  }

  @Test
  void onlyMissingTopicsAreNamedAndNoneIsCreatedWhereNoneMayBe(TestInfo test) throws Exception {
    String prefix = prefix(test);
    create(prefix, Topic.READY, 3, Map.of());
    TopicAdmin topics = new TopicAdmin(admin, config(prefix, false, 3));
    await()
        .atMost(SOON)
        .untilAsserted(() -> assertThat(topics.describe()).containsOnlyKeys(Topic.READY));

    TopicsException e = catchThrowableOfType(TopicsException.class, topics::verifyOrCreate);
    assertThat(e.isFinal()).isTrue();
    assertThat(e.getMessage())
        .contains(prefix + "ensure", prefix + "dead-letter")
        .doesNotContain(prefix + "ready");
    assertThat(topics.describe()).containsOnlyKeys(Topic.READY);
  }

  @Test
  void onlyInputsWithoutTheBrokersTimeAreNamed(TestInfo test) throws Exception {
    String prefix = prefix(test);
    create(prefix, Topic.ENSURE, 3, INPUT);
    create(prefix, Topic.ACTIVITY, 3, Map.of());
    TopicsException e =
        catchThrowableOfType(
            TopicsException.class,
            () -> new TopicAdmin(admin, config(prefix, true, 3)).verifyOrCreate());
    assertThat(e.isFinal()).isTrue();
    assertThat(e.getMessage())
        .contains(prefix + "activity has message.timestamp.type=CreateTime")
        .doesNotContain(prefix + "ensure has message.timestamp.type");
  }
}
