/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.config.KafkaConfig;
import io.zcbot.sandbox.worker.kafka.KafkaClients;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.publish.TopicAdmin;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.UUID;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The broker, and what the measurements put into it. */
record Kafka(String servers) {
  static final EventCodec CODEC = new EventCodec();

  KafkaConfig config(String prefix, String group, int partitions) {
    return new KafkaConfig(
        Map.of("bootstrap.servers", servers), group, prefix, true, partitions, (short) 1);
  }

  /** The worker's own clients, in a group of their own. */
  KafkaClients clients(String prefix, String group) {
    return new KafkaClients(config(prefix, group, 1), group);
  }

  /** A member of a group that reads as Kafka's client does by itself. */
  Consumer<byte[], byte[]> plainMember(String group) {
    return new KafkaConsumer<>(
        Map.of(
            "bootstrap.servers",
            servers,
            "group.id",
            group,
            "group.protocol",
            "consumer",
            "auto.offset.reset",
            "earliest",
            "enable.auto.commit",
            "false"),
        new ByteArrayDeserializer(),
        new ByteArrayDeserializer());
  }

  /** The contract's topics, under a prefix of their own. */
  void createTopics(String prefix, int partitions) throws Exception {
    KafkaConfig config = config(prefix, "none", partitions);
    try (Admin admin = clients(prefix, "admin").admin()) {
      new TopicAdmin(admin, config).verifyOrCreate();
    }
  }

  /** Reads topics from their end, as it is now. */
  Consumer<byte[], byte[]> fromEnd(String prefix, String client, int partitions, Topic... topics) {
    Consumer<byte[], byte[]> consumer = clients(prefix, client).freeConsumer("answers");
    List<TopicPartition> all =
        Arrays.stream(topics)
            .flatMap(
                topic ->
                    IntStream.range(0, partitions)
                        .mapToObj(number -> new TopicPartition(topic.named(prefix), number)))
            .toList();
    consumer.assign(all);
    consumer.seekToEnd(all);
    all.forEach(consumer::position);
    return consumer;
  }

  /** Publishes many events as fast as it goes. */
  void fill(String prefix, int count, IntFunction<SandboxEvent> event) {
    Map<String, Object> settings = new HashMap<>();
    settings.put("bootstrap.servers", servers);
    settings.put("linger.ms", "20");
    settings.put("batch.size", "65536");
    try (Producer<byte[], byte[]> producer =
        new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
      for (int i = 0; i < count; i++) {
        SandboxEvent next = event.apply(i);
        producer.send(
            new ProducerRecord<>(next.topic().named(prefix), CODEC.key(next), CODEC.encode(next)));
      }
    }
  }

  /** So many users, the same ones for the same seed. */
  static List<UserId> users(int count, long seed) {
    Random random = new Random(seed);
    List<UserId> users = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      users.add(user(random));
    }
    return users;
  }

  static List<UserId> usersInEach(int partitions, int each) {
    KeyPartitions keys = new KeyPartitions(partitions);
    Random random = new Random();
    int[] found = new int[partitions];
    List<UserId> users = new ArrayList<>();
    while (users.size() < partitions * each) {
      UserId user = user(random);
      if (found[keys.of(user)]++ < each) {
        users.add(user);
      }
    }
    return users;
  }

  /** One of them, each about as often. */
  static UserId any(List<UserId> users, int i) {
    return users.get((int) Long.remainderUnsigned(i * 0x9E3779B97F4A7C15L, users.size()));
  }

  private static UserId user(Random random) {
    byte[] bytes = new byte[16];
    random.nextBytes(bytes);
    return new UserId(
        UUID.nameUUIDFromBytes(
            new String(bytes, StandardCharsets.ISO_8859_1).getBytes(StandardCharsets.UTF_8)));
  }
}
