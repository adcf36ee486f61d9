/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.config.KafkaConfig;
import io.zcbot.sandbox.worker.testkit.deployment.KafkaForTests;
import io.zcbot.sandbox.worker.testkit.deployment.RawProducer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A batch that nobody can read holds up no reader of requests for long: a damaged one, or one that
 * a client sent so to a topic of compressed batches.
 */
@Tag("kafka")
class UnreadableBatchesIT {
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  private static final String BROKER = KafkaForTests.bootstrapServers();

  private final String prefix = UUID.randomUUID() + ".";
  private final TopicPartition partition = new TopicPartition(prefix + "ensure", 0);
  private final List<String> good = new ArrayList<>();

  /** A consumer of requests, by the way that it is made. */
  private record Kind(String name, Function<KafkaClients, Consumer<byte[], byte[]>> make) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static final List<Kind> KINDS =
      List.of(
          new Kind("member", clients -> clients.groupConsumer(500, "member")),
          new Kind("request", clients -> clients.freeRequestConsumer("activity")));

  static Stream<Arguments> kinds() {
    return KINDS.stream().map(Arguments::of);
  }

  /** A topic that somebody created without the settings that workers give to it. */
  @ParameterizedTest
  @MethodSource("kinds")
  void aBatchThatCanNotBeReadIsPassed(Kind kind) throws Exception {
    createTopic();
    RawProducer producer = new RawProducer(BROKER);
    sendGood(3);
    long unused = producer.sendUnreadable(partition);
    sendGood(3);
    unused = producer.sendUnreadable(partition);
    unused = producer.sendUnreadable(partition);
    sendGood(3);
    assertAllIsRead(kind);
  }

  private void createTopic() throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", BROKER))) {
      admin
          .createTopics(
              List.of(
                  new NewTopic(partition.topic(), 1, (short) 1)
                      .configs(Map.of("compression.type", "producer"))))
          .all()
          .get();
    }
  }

  private void sendGood(int count) throws Exception {
    try (KafkaProducer<String, String> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", BROKER, "linger.ms", "0"),
            new StringSerializer(),
            new StringSerializer())) {
      for (int i = 0; i < count; i++) {
        String value = "good " + good.size();
        long offset =
            producer.send(new ProducerRecord<>(partition.topic(), "key", value)).get().offset();
        good.add(offset + " " + value);
      }
    }
  }

  private void assertAllIsRead(Kind kind) throws Exception {
    KafkaClients clients =
        new KafkaClients(
            new KafkaConfig(
                Map.of("bootstrap.servers", BROKER, "fetch.max.wait.ms", "20"),
                prefix + "workers",
                prefix,
                true,
                1,
                (short) 1),
            "test");
    List<String> read = new ArrayList<>();
    try (Consumer<byte[], byte[]> consumer = kind.make().apply(clients)) {
      begin(kind, consumer);
      OffsetAndMetadata next = null;
      long end = consumer.endOffsets(List.of(partition)).get(partition);
      long deadline = System.nanoTime() + PATIENCE.toNanos();
      while ((next == null || next.offset() != end) && System.nanoTime() < deadline) {
        ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofMillis(100));
        records.forEach(
            record -> {
              read.add(record.offset() + " " + new String(record.value(), UTF_8));
            });
        next = records.nextOffsets().getOrDefault(partition, next);
      }
      assertThat(read).as("%s", kind).isEqualTo(good);
      assertThat(next).isNotNull();
      assertThat(next.offset()).isEqualTo(end);
      assertThat(consumer.position(partition)).isEqualTo(end);
    }
  }

  private void begin(Kind kind, Consumer<byte[], byte[]> consumer) {
    if (!kind.name().equals("member")) {
      consumer.assign(List.of(partition));
      consumer.seek(partition, 0);
      return;
    }
    consumer.subscribe(
        List.of(partition.topic()),
        new ConsumerRebalanceListener() {
          @Override
          public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
            // The group's committed offset is taken.
          }

          @Override
          public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
            // Nothing is to be committed.
          }
        });
  }
}
