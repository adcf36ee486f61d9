/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.jspecify.annotations.Nullable;

/**
 * The properties of this client's producer and consumer: the caller's, and those that the contract
 * and its latency require.
 */
final class KafkaSettings {
  private final Map<String, Object> given;

  KafkaSettings(Map<String, ?> given) {
    this.given = new HashMap<>(given);
    if (!given.containsKey("bootstrap.servers")) {
      throw new InvalidRequestException(
          "bootstrap.servers", "bootstrap.servers: missing; give the addresses of Kafka's brokers");
    }
  }

  /** Checks the settings of the producer, and returns what makes it. */
  Supplier<Producer<byte[], byte[]>> producer() {
    Map<String, Object> settings = producerSettings();
    ProducerConfig checked = new ProducerConfig(settings);
    long least =
        checked.getLong(ProducerConfig.LINGER_MS_CONFIG)
            + checked.getInt(ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG);
    if (settings.containsKey(ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG)
        && checked.getInt(ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG) < least) {
      throw new ConfigException(
          "delivery.timeout.ms must be at least linger.ms + request.timeout.ms, which is " + least);
    }
    ClassLoader loader = Thread.currentThread().getContextClassLoader();
    return () -> withClassLoader(loader, () -> new KafkaProducer<>(settings));
  }

  /** The first request may be made in a thread whose class loader does not know Kafka's classes. */
  private static <T> T withClassLoader(@Nullable ClassLoader loader, Supplier<T> maker) {
    Thread thread = Thread.currentThread();
    ClassLoader own = thread.getContextClassLoader();
    thread.setContextClassLoader(loader);
    try {
      return maker.get();
    } finally {
      thread.setContextClassLoader(own);
    }
  }

  /**
   * Makes a consumer.
   *
   * @throws KafkaUnreachableException if no broker's name resolves
   */
  Consumer<byte[], byte[]> consumer() {
    return consumer(consumerSettings());
  }

  /** Makes a consumer that begins where it is told to, and fails if that is no longer possible. */
  Consumer<byte[], byte[]> tableConsumer() {
    Map<String, Object> settings = consumerSettings();
    settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "none");
    return consumer(settings);
  }

  /** Makes what tells where partitions end. */
  EndOffsets endOffsets() {
    return EndOffsets.of(Admin.create(common()));
  }

  private Consumer<byte[], byte[]> consumer(Map<String, Object> settings) {
    try {
      return new KafkaConsumer<>(
          settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    } catch (KafkaException e) {
      Reach reach = reach();
      if (isUnresolved(reach)) {
        reach.probe();
        throw reach.unreachable(e);
      }
      throw e;
    }
  }

  private static boolean isUnresolved(Reach reach) {
    try {
      return reach.isUnresolved();
    } catch (IllegalArgumentException e) {
      return false; // Kafka's exception names the address
    }
  }

  /** Returns what knows whether a broker was ever reached. */
  Reach reach() {
    Object servers = given.get("bootstrap.servers");
    List<String> addresses = new ArrayList<>();
    for (Object each : servers instanceof List<?> all ? all : List.of(String.valueOf(servers))) {
      for (String address : String.valueOf(each).split(",", -1)) {
        if (!address.isBlank()) {
          addresses.add(address.strip());
        }
      }
    }
    return new Reach(addresses);
  }

  Map<String, Object> producerSettings() {
    Map<String, Object> settings = common();
    // All records of a user must be in the partition of murmur2, which is the default.
    settings.remove(ProducerConfig.PARTITIONER_CLASS_CONFIG);
    settings.put(ProducerConfig.PARTITIONER_IGNORE_KEYS_CONFIG, false);
    settings.put(ProducerConfig.KEY_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
    settings.put(ProducerConfig.VALUE_SERIALIZER_CLASS_CONFIG, ByteArraySerializer.class);
    settings.put(ProducerConfig.ACKS_CONFIG, "all");
    settings.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, true);
    settings.remove(ProducerConfig.TRANSACTIONAL_ID_CONFIG);
    settings.putIfAbsent(ProducerConfig.LINGER_MS_CONFIG, 0);
    settings.putIfAbsent(ProducerConfig.MAX_BLOCK_MS_CONFIG, 5_000);
    settings.put(ProducerConfig.MAX_REQUEST_SIZE_CONFIG, 2 << 20);
    // By default, the first request after 5 idle minutes waits until a broker has described its
    // topic.
    settings.putIfAbsent(ProducerConfig.METADATA_MAX_IDLE_CONFIG, Integer.MAX_VALUE);
    return settings;
  }

  Map<String, Object> consumerSettings() {
    Map<String, Object> settings = common();
    // The consumer joins no group: it reads what its requests need, and commits nothing.
    settings.remove(ConsumerConfig.GROUP_ID_CONFIG);
    settings.remove(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG);
    settings.remove(ConsumerConfig.GROUP_PROTOCOL_CONFIG);
    settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, false);
    // If the position is not in the log any more, an answer may be among the latest records.
    settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "by_duration:PT1H");
    settings.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, false);
    settings.put(ConsumerConfig.FETCH_MIN_BYTES_CONFIG, 1);
    // A partition that is added is read only after the current fetch has returned.
    settings.putIfAbsent(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG, 100);
    settings.put(ConsumerConfig.FETCH_MAX_BYTES_CONFIG, 8 << 20);
    settings.put(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, 1 << 20);
    return settings;
  }

  private Map<String, Object> common() {
    Map<String, Object> settings = new HashMap<>(given);
    settings.putIfAbsent("client.id", "zcbot-client");
    // New partitions are noticed within this time.
    settings.putIfAbsent("metadata.max.age.ms", 10_000);
    settings.putIfAbsent("reconnect.backoff.max.ms", 1_000);
    return settings;
  }
}
