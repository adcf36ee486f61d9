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
import java.util.Random;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.IntStream;
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

/** A record that states a false offset keeps no reader from any other batch's records. */
@Tag("kafka")
class FalseOffsetsIT {
  private static final byte[] FALSE = "false".getBytes(UTF_8);
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
          new Kind("committing", clients -> clients.committingConsumer("exec", "execs")),
          new Kind("request", clients -> clients.freeRequestConsumer("activity")),
          new Kind("many", clients -> clients.oneOfManyRequestConsumers("input")),
          new Kind("console", clients -> clients.smallRequestConsumer("console")),
          new Kind("free", clients -> clients.freeConsumer("read")),
          new Kind("range", clients -> clients.rangeConsumer("read")));

  /** What a hostile producer sends between others' records. */
  private record Attack(String name, int[]... batches) {
    @Override
    public String toString() {
      return name;
    }
  }

  private static final List<Attack> ATTACKS =
      List.of(
          new Attack("far ahead", new int[] {1_000_000}),
          new Attack("as far as possible", new int[] {Integer.MAX_VALUE}),
          new Attack("one ahead", new int[] {1}),
          new Attack("a few ahead", new int[] {5}),
          new Attack("behind", new int[] {-5}),
          new Attack("all the same", new int[] {0, 0, 0, 0}),
          new Attack("backwards", new int[] {3, 2, 1, 0}),
          new Attack("the last is ahead", new int[] {0, 1, 2, 40}),
          new Attack("the first is ahead", new int[] {40, 1, 2, 3}),
          new Attack("behind, then ahead", new int[] {-1, -1, 7}),
          new Attack("one after the other", new int[] {3}, new int[] {3}, new int[] {3}),
          new Attack("many in one", IntStream.generate(() -> 100_000).limit(5000).toArray()),
          new Attack("many in one, ahead", IntStream.range(50_000, 55_000).toArray()));

  static Stream<Arguments> kindsAndAttacks() {
    return KINDS.stream()
        .flatMap(kind -> ATTACKS.stream().map(attack -> Arguments.of(kind, attack)));
  }

  static Stream<Arguments> passing() {
    return Stream.of(KINDS.get(0), KINDS.get(2)).map(Arguments::of);
  }

  static Stream<Arguments> kinds() {
    return KINDS.stream().map(Arguments::of);
  }

  @ParameterizedTest
  @MethodSource("kindsAndAttacks")
  void hideNothing(Kind kind, Attack attack) throws Exception {
    createTopic();
    RawProducer producer = new RawProducer(BROKER);
    for (int round = 0; round < 3; round++) {
      sendGood(3);
      for (int[] deltas : attack.batches()) {
        producer.send(partition, FALSE, FALSE, deltas);
      }
    }
    sendGood(3);
    assertAllIsRead(kind);
  }

  /** The first record that a member reads may be such a one. */
  @ParameterizedTest
  @MethodSource("kinds")
  void hideNothingFromAReaderThatBeginsThere(Kind kind) throws Exception {
    createTopic();
    new RawProducer(BROKER).send(partition, FALSE, FALSE, 3);
    sendGood(20);
    assertAllIsRead(kind);
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void hideNothingWhateverTheyAre(Kind kind) throws Exception {
    createTopic();
    RawProducer producer = new RawProducer(BROKER);
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int batch = 0; batch < 100; batch++) {
      if (random.nextInt(3) > 0) {
        sendGood(1 + random.nextInt(3));
      } else {
        int far = random.nextBoolean() ? 8 : 1_000_000;
        producer.send(
            partition, FALSE, FALSE, random.ints(1 + random.nextInt(6), -3, far).toArray());
      }
    }
    sendGood(1);
    assertAllIsRead(kind, "seed " + seed);
  }

  /** A topic that somebody created without the settings that workers give to it. */
  @ParameterizedTest
  @MethodSource("passing")
  void aBatchThatCanNotBeReadIsPassed(Kind kind) throws Exception {
    createTopic("producer");
    RawProducer producer = new RawProducer(BROKER);
    sendGood(3);
    long unused = producer.sendUnreadable(partition);
    sendGood(3);
    unused = producer.send(partition, FALSE, FALSE, 1_000_000);
    unused = producer.sendUnreadable(partition);
    unused = producer.sendUnreadable(partition);
    sendGood(3);
    assertAllIsRead(kind);
  }

  private void createTopic() throws Exception {
    createTopic("uncompressed");
  }

  private void createTopic(String compression) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", BROKER))) {
      admin
          .createTopics(
              List.of(
                  new NewTopic(partition.topic(), 1, (short) 1)
                      .configs(Map.of("compression.type", compression))))
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

  private void assertAllIsRead(Kind kind, Object... hints) throws Exception {
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
              String value = new String(record.value(), UTF_8);
              if (!value.equals("false")) {
                read.add(record.offset() + " " + value);
              }
            });
        next = records.nextOffsets().getOrDefault(partition, next);
      }
      assertThat(read).as("%s %s", kind, List.of(hints)).isEqualTo(good);
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
