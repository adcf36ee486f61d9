/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.standalone;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class EmbeddedBrokerIT {
  private static final String TOPIC = "t";

  @TempDir private Path data;

  private static void closeOnceMore(EmbeddedBroker broker) throws IOException {
    broker.close();
  }

  private static void createTopic(EmbeddedBroker broker) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
      admin
          .createTopics(
              List.of(
                  new NewTopic(TOPIC, 3, (short) -1)
                      .configs(Map.of("message.timestamp.type", "LogAppendTime"))))
          .all()
          .get();
    }
  }

  private static void produce(EmbeddedBroker broker, String value) throws Exception {
    try (KafkaProducer<String, String> producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", broker.bootstrapServers(), "linger.ms", "0"),
            new StringSerializer(),
            new StringSerializer())) {
      // A timestamp long ago: the broker's own must win.
      producer.send(new ProducerRecord<>(TOPIC, null, 1L, "key", value)).get();
    }
  }

  private static List<ConsumerRecord<String, String>> consume(
      EmbeddedBroker broker, String group, int count) {
    List<ConsumerRecord<String, String>> records = new ArrayList<>();
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(
            Map.of(
                "bootstrap.servers",
                broker.bootstrapServers(),
                "group.id",
                group,
                "group.protocol",
                "consumer",
                "auto.offset.reset",
                "earliest"),
            new StringDeserializer(),
            new StringDeserializer())) {
      consumer.subscribe(List.of(TOPIC));
      Instant deadline = Instant.now().plusSeconds(90);
      while (records.size() < count && Instant.now().isBefore(deadline)) {
        consumer.poll(Duration.ofMillis(200)).forEach(records::add);
      }
    }
    return records;
  }

  @Test
  void recordsAndOffsetsOutliveARestartAndTheBrokerDatesThem() throws Exception {
    Instant before = Instant.now().minusSeconds(1);
    try (EmbeddedBroker broker = EmbeddedBroker.start(data, 0)) {
      createTopic(broker);
      produce(broker, "one");
      List<ConsumerRecord<String, String>> records = consume(broker, "g", 1);
      assertThat(records).extracting(ConsumerRecord::value).containsExactly("one");
      assertThat(Instant.ofEpochMilli(records.getFirst().timestamp())).isAfter(before);
    }
    try (EmbeddedBroker broker = EmbeddedBroker.start(data, 0)) {
      produce(broker, "two");
      assertThat(consume(broker, "g", 1)).extracting(ConsumerRecord::value).containsExactly("two");
      assertThat(consume(broker, "new", 2))
          .extracting(ConsumerRecord::value)
          .containsExactly("one", "two");
    }
  }

  @Test
  void topicsComeToBeOnlyWhenCreated() throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.start(data, 0)) {
      try (KafkaProducer<String, String> producer =
          new KafkaProducer<>(
              Map.of("bootstrap.servers", broker.bootstrapServers(), "max.block.ms", "2000"),
              new StringSerializer(),
              new StringSerializer())) {
        assertThatThrownBy(() -> producer.send(new ProducerRecord<>("nowhere", "v")).get())
            .hasMessageContaining("nowhere");
      }
      try (Admin admin = Admin.create(Map.of("bootstrap.servers", broker.bootstrapServers()))) {
        assertThat(admin.listTopics().names().get()).isEmpty();
      }
    }
  }

  @Test
  void aSecondOneOnTheSameDataIsRefused() throws Exception {
    try (EmbeddedBroker broker = EmbeddedBroker.start(data, 0)) {
      assertThat(broker.bootstrapServers()).startsWith("127.0.0.1:");
      assertThatThrownBy(() -> EmbeddedBroker.start(data, 0))
          .isInstanceOf(IOException.class)
          .hasMessage(
              "could not use the data directory "
                  + data
                  + ": another standalone process uses it; stop that process, or choose another"
                  + " directory with --data or ZCBOT_STANDALONE_DATA");
      closeOnceMore(broker);
    }
    // A clean stop gives the directory free, and closing twice was fine.
    EmbeddedBroker.start(data, 0).close();
  }

  @Test
  void aTakenPortIsRefused() throws Exception {
    try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.ofLiteral("127.0.0.1"))) {
      int port = taken.getLocalPort();
      assertThatThrownBy(() -> EmbeddedBroker.start(data, port))
          .isInstanceOf(IOException.class)
          .hasMessage(
              "could not serve Kafka on 127.0.0.1:"
                  + port
                  + ": Address already in use; stop the process that listens there, or choose"
                  + " another port with --kafka-port or ZCBOT_STANDALONE_KAFKA_PORT");
    }
    EmbeddedBroker.start(data, 0).close();
  }

  @Test
  void aDirectoryThatCannotBeMadeIsRefused() throws Exception {
    Path file = Files.write(data.resolve("file"), "x".getBytes(StandardCharsets.UTF_8));
    assertThatThrownBy(() -> EmbeddedBroker.start(file.resolve("below"), 0))
        .isInstanceOf(IOException.class)
        .hasMessageStartingWith("could not use the data directory " + file.resolve("below"))
        .hasMessageContaining("choose a writable directory");
  }
}
