/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.hosts;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.config.KafkaConfig;
import io.zcbot.sandbox.worker.kafka.KafkaClients;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** How much of a hostile log on three brokers a worker's consumers take into memory. */
final class PollBounds {
  private static final int PARTITIONS = 12;
  private static final int RECORDS = 8;
  private static final int LARGE = 1_000_000;
  private static final int MOST = 2 * 1024 * 1024;

  /** A few kilobytes in each partition, whose compressed size is all that the brokers know. */
  private static final String COMPRESSED = "compressed";

  /** More in each partition than one fetch can return. */
  private static final String BACKLOG = "backlog";

  private final BrokerCluster brokers;

  /** Writes the logs. */
  PollBounds(BrokerCluster brokers) throws Exception {
    this.brokers = brokers;
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", brokers.bootstrapServers()))) {
      admin
          .createTopics(
              List.of(
                  new NewTopic(COMPRESSED, PARTITIONS, (short) 1),
                  new NewTopic(BACKLOG, PARTITIONS, (short) 1)))
          .all()
          .get();
    }
    write(COMPRESSED, RECORDS, LARGE, "zstd", 2 * RECORDS * LARGE);
    write(BACKLOG, 190, 15_000, "none", 16_384);
  }

  private void write(String topic, int count, int size, String compression, int batch) {
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(
            Map.of(
                "bootstrap.servers",
                brokers.bootstrapServers(),
                "compression.type",
                compression,
                "batch.size",
                batch,
                "max.request.size",
                64 << 20,
                "buffer.memory",
                64 << 20,
                "linger.ms",
                500),
            new ByteArraySerializer(),
            new ByteArraySerializer())) {
      byte[] value = new byte[size];
      Arrays.fill(value, (byte) ' ');
      for (int partition = 0; partition < PARTITIONS; partition++) {
        for (int i = 0; i < count; i++) {
          producer.send(new ProducerRecord<>(topic, partition, new byte[] {(byte) i}, value));
        }
        producer.flush();
      }
    }
  }

  private KafkaClients clients(int count) {
    KafkaClients clients =
        new KafkaClients(
            new KafkaConfig(
                Map.of("bootstrap.servers", brokers.bootstrapServers()),
                "poll-bounds",
                "sandbox.",
                false,
                1,
                (short) 1),
            "test");
    clients.fetchSize().brokers(count);
    return clients;
  }

  private static List<TopicPartition> all(String topic) {
    return IntStream.range(0, PARTITIONS).mapToObj(i -> new TopicPartition(topic, i)).toList();
  }

  private static <C extends Consumer<byte[], byte[]>> C assigned(C consumer, String topic) {
    consumer.assign(all(topic));
    consumer.seekToBeginning(all(topic));
    return consumer;
  }

  private static long size(ConsumerRecords<byte[], byte[]> records) {
    long size = 0;
    for (ConsumerRecord<byte[], byte[]> record : records) {
      size += record.key().length + record.value().length;
    }
    return size;
  }

  /** Reads all; returns the size of the largest poll. */
  private static long readAll(Consumer<byte[], byte[]> consumer) {
    Map<Integer, Integer> next = new HashMap<>();
    long largest = 0;
    for (int left = PARTITIONS * RECORDS; left > 0; ) {
      ConsumerRecords<byte[], byte[]> records = consumer.poll(Duration.ofSeconds(60));
      assertThat(records.isEmpty()).as("%d records are missing", left).isFalse();
      left -= records.count();
      largest = Math.max(largest, size(records));
      for (ConsumerRecord<byte[], byte[]> record : records) {
        assertThat((int) record.key()[0])
            .isEqualTo(next.merge(record.partition(), 1, Integer::sum) - 1);
      }
    }
    return largest;
  }

  void aPollIsBoundedInWhatItsRecordsHoldOnceDecompressed() {
    Consumer<byte[], byte[]> free = assigned(clients(3).freeConsumer("log"), COMPRESSED);
    try (free) {
      assertThat(readAll(free)).isLessThanOrEqualTo(MOST);
    }
    Consumer<byte[], byte[]> committing =
        assigned(clients(3).committingConsumer("commands", "poll-bounds-commands"), COMPRESSED);
    try (committing) {
      assertThat(readAll(committing)).isLessThanOrEqualTo(MOST);
    }
    try (Consumer<byte[], byte[]> member = clients(3).groupConsumer(500, "w1")) {
      member.subscribe(List.of(COMPRESSED));
      assertThat(readAll(member)).isLessThanOrEqualTo(MOST);
    }
  }

  void withoutTheBoundAPollHoldsWhatAllPartitionsHold() {
    KafkaConsumer<byte[], byte[]> plain =
        assigned(
            new KafkaConsumer<>(
                Map.of("bootstrap.servers", brokers.bootstrapServers()),
                new ByteArrayDeserializer(),
                new ByteArrayDeserializer()),
            COMPRESSED);
    try (plain) {
      assertThat(readAll(plain)).isGreaterThan(10L * MOST);
    }
  }

  private static double metric(Consumer<?, ?> consumer, String name) {
    return consumer.metrics().entrySet().stream()
        .filter(m -> m.getKey().name().equals(name) && m.getKey().tags().size() == 1)
        .mapToDouble(m -> ((Number) m.getValue().metricValue()).doubleValue())
        .max()
        .orElseThrow();
  }

  void brokersShareWhatWaitsInAConsumer() {
    assertThat(largestFetch(3)).isBetween(1024.0 * 1024, 2.0 * 1024 * 1024);
    assertThat(largestFetch(12)).isBetween(256.0 * 1024, 512.0 * 1024);
  }

  private double largestFetch(int count) {
    Consumer<byte[], byte[]> consumer = assigned(clients(count).freeConsumer("log"), BACKLOG);
    try (consumer) {
      for (int records = 0; records < PARTITIONS * 190; ) {
        records += consumer.poll(Duration.ofSeconds(60)).count();
      }
      return metric(consumer, "fetch-size-max");
    }
  }

  void aBrokerIsNotAskedAgainWhileItsAnswerWaits() throws InterruptedException {
    Map<String, Object> oneRecordAtATime =
        Map.of("bootstrap.servers", brokers.bootstrapServers(), "max.poll.records", "1");
    KafkaConsumer<byte[], byte[]> consumer =
        assigned(
            new KafkaConsumer<>(
                oneRecordAtATime, new ByteArrayDeserializer(), new ByteArrayDeserializer()),
            BACKLOG);
    try (consumer) {
      for (int i = 0; i < 20; i++) {
        consumer.poll(Duration.ofSeconds(1));
        TimeUnit.MILLISECONDS.sleep(20);
      }
      assertThat(metric(consumer, "fetch-total")).isLessThanOrEqualTo(brokers.size());
      // What waits of paused partitions does not count: each can hold one answer more.
      for (int i = 0; i < 2 * PARTITIONS; i++) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
          consumer.pause(List.of(new TopicPartition(BACKLOG, record.partition())));
        }
        TimeUnit.MILLISECONDS.sleep(20);
      }
      assertThat(metric(consumer, "fetch-total")).isLessThanOrEqualTo(brokers.size() + PARTITIONS);
    }
  }
}
