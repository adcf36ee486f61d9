/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.hosts;

import io.zcbot.sandbox.events.Topic;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AccessControlEntryFilter;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** What agents and administrators should not do to a trial's topics and group. */
final class Hostility {
  private static final Topic[] INPUTS = {
    Topic.ENSURE, Topic.ACTIVITY, Topic.EXEC, Topic.INPUT, Topic.RELEASE
  };

  private final String id;
  private final Random random;
  private final Admin admin;
  private final KafkaProducer<byte[], byte[]> plain;
  private final KafkaProducer<byte[], byte[]> compressing;
  private int raised = Trial.PARTITIONS;

  /** A permission of the workers. Others do not need it. */
  record Permission(ResourceType type, String name, AclOperation operation) {}

  /**
   * Towards one trial.
   *
   * @param id the group, and with a dot the topics' prefix
   */
  Hostility(String bootstrapServers, String id, Random random) {
    this.id = id;
    this.random = random;
    this.admin = Admin.create(Map.<String, Object>of("bootstrap.servers", bootstrapServers));
    this.plain = producer(bootstrapServers, "none", 16_384);
    this.compressing = producer(bootstrapServers, "zstd", 32 << 20);
  }

  private static KafkaProducer<byte[], byte[]> producer(
      String bootstrapServers, String compression, int batch) {
    return new KafkaProducer<>(
        Map.of(
            "bootstrap.servers",
            bootstrapServers,
            "compression.type",
            compression,
            "batch.size",
            batch,
            "linger.ms",
            "50",
            "max.request.size",
            40 << 20,
            "buffer.memory",
            48 << 20,
            "delivery.timeout.ms",
            "20000",
            "request.timeout.ms",
            "10000"),
        new ByteArraySerializer(),
        new ByteArraySerializer());
  }

  private String topic(Topic topic) {
    return topic.named(id + ".");
  }

  private Topic input() {
    return INPUTS[random.nextInt(INPUTS.length)];
  }

  /**
   * Publishes records that are not events, or too large, or both. The brokers refuse some of them.
   */
  void poison(int count) {
    for (int i = 0; i < count; i++) {
      String user = new java.util.UUID(random.nextLong(), random.nextLong()).toString();
      switch (random.nextInt(6)) {
        case 0 -> send(user, random.nextInt(1_000_000), false);
        case 1 -> send(user, "{\"user_id\":\"" + user + "\",\"event_id\":\"a\\u001b[31m\\n\"}");
        case 2 -> send(null, random.nextInt(3000), true);
        case 3 -> send(user, random.nextInt(1000), true);
        case 4 -> send(user, "[".repeat(20_000));
        default -> manyInOneBatch(input(), random.nextInt(Trial.PARTITIONS));
      }
    }
    plain.flush();
    compressing.flush();
  }

  private void send(String key, String value) {
    send(key, value.getBytes(StandardCharsets.UTF_8), false);
  }

  private void send(String key, int size, boolean withHeader) {
    byte[] value = new byte[size];
    random.nextBytes(value);
    send(key, value, withHeader);
  }

  private void send(String key, byte[] value, boolean withHeader) {
    ProducerRecord<byte[], byte[]> record =
        new ProducerRecord<>(
            topic(input()),
            random.nextInt(Trial.PARTITIONS),
            key == null ? null : key.getBytes(StandardCharsets.UTF_8),
            key == null ? null : value);
    if (withHeader) {
      record.headers().add("zcbot_offset", new byte[random.nextInt(900_000)]);
      record.headers().add("zcbot_forwarded", "somewhere".getBytes(StandardCharsets.UTF_8));
    }
    plain.send(record);
  }

  /** Megabytes that are a few kilobytes for the brokers, where these do not look. */
  private void manyInOneBatch(Topic topic, int partition) {
    byte[] spaces = new byte[900_000];
    Arrays.fill(spaces, (byte) ' ');
    for (int i = 0; i < 20; i++) {
      compressing.send(new ProducerRecord<>(topic(topic), partition, new byte[] {1}, spaces));
    }
  }

  /** Alters a topic; returns what was changed. */
  String alter() throws Exception {
    Topic topic = input();
    return switch (random.nextInt(4)) {
      case 0 -> raise(random.nextBoolean() ? Topic.ENSURE : Topic.ACTIVITY);
      case 1 -> set(topic, "compression.type", "producer");
      case 2 -> set(topic, "segment.ms", "1000");
      default -> set(topic, "min.insync.replicas", Integer.toString(1 + random.nextInt(3)));
    };
  }

  private String raise(Topic topic) throws Exception {
    raised++;
    admin
        .createPartitions(Map.of(topic(topic), NewPartitions.increaseTo(raised)))
        .all()
        .get(90, TimeUnit.SECONDS);
    return topic + " has " + raised + " partitions";
  }

  private String set(Topic topic, String key, String value) throws Exception {
    admin
        .incrementalAlterConfigs(
            Map.of(
                new ConfigResource(ConfigResource.Type.TOPIC, topic(topic)),
                List.of(new AlterConfigOp(new ConfigEntry(key, value), AlterConfigOp.OpType.SET))))
        .all()
        .get(90, TimeUnit.SECONDS);
    return topic + " has " + key + "=" + value;
  }

  /** A permission to revoke. */
  Permission some() {
    return switch (random.nextInt(8)) {
      case 0, 1 -> new Permission(ResourceType.GROUP, id, AclOperation.READ);
      case 2 -> new Permission(ResourceType.GROUP, id + "-commands", AclOperation.READ);
      case 3 -> on(Topic.READY, AclOperation.WRITE);
      case 4 -> on(Topic.EXITED, AclOperation.WRITE);
      case 5 -> on(Topic.REAPED, AclOperation.WRITE);
      case 6 -> on(Topic.LIVE, AclOperation.WRITE);
      default -> on(Topic.COMMANDS, AclOperation.WRITE);
    };
  }

  private Permission on(Topic topic, AclOperation operation) {
    return new Permission(ResourceType.TOPIC, topic(topic), operation);
  }

  /** Denies one permission; everything else stays allowed. */
  void deny(Permission permission) throws Exception {
    ResourcePattern on = new ResourcePattern(permission.type, permission.name, PatternType.LITERAL);
    admin
        .createAcls(
            List.of(
                new AclBinding(on, entry(AclOperation.ALL, AclPermissionType.ALLOW)),
                new AclBinding(on, entry(permission.operation, AclPermissionType.DENY))))
        .all()
        .get(90, TimeUnit.SECONDS);
  }

  private static AccessControlEntry entry(AclOperation operation, AclPermissionType type) {
    return new AccessControlEntry("User:*", "*", operation, type);
  }

  void allow(Permission permission) throws Exception {
    ResourcePattern on = new ResourcePattern(permission.type, permission.name, PatternType.LITERAL);
    admin
        .deleteAcls(List.of(new AclBindingFilter(on.toFilter(), AccessControlEntryFilter.ANY)))
        .all()
        .get(90, TimeUnit.SECONDS);
  }

  void close() {
    plain.close(Duration.ofSeconds(5));
    compressing.close(Duration.ofSeconds(5));
    admin.close(Duration.ofSeconds(5));
  }
}
