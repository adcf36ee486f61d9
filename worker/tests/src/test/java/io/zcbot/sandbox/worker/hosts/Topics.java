/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.hosts;

import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.publish.TopicAdmin;
import io.zcbot.sandbox.worker.testkit.deployment.KafkaAccess;
import io.zcbot.sandbox.worker.testkit.deployment.WorkerGroup;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The topics and the group of a trial, as an administrator sees them. */
final class Topics {
  private final String bootstrapServers;
  private final String id;
  private final Random random;
  private final WorkerGroup group;
  private final Admin admin;
  private final List<UserId> transactionUsers = new ArrayList<>();
  private KafkaProducer<byte[], byte[]> transactional;

  /**
   * Of one trial.
   *
   * @param id the group, and with a dot the topics' prefix
   */
  Topics(String bootstrapServers, String id, Random random) {
    this.bootstrapServers = bootstrapServers;
    this.id = id;
    this.random = random;
    Map<String, String> often = Map.of("reconnect.backoff.max.ms", "500");
    this.group =
        new WorkerGroup(
            new KafkaAccess(bootstrapServers, Map.of(), Map.of(), Map.of(), often), id, id + ".");
    this.admin = group.admin();
  }

  private String topic(Topic topic) {
    return topic.named(id + ".");
  }

  void create(WorkerConfig config) throws Exception {
    new TopicAdmin(admin, config.kafka()).verifyOrCreate();
  }

  /** Switches compaction of the ensures on, as eagerly as brokers do it, or off. */
  void compactEnsures(boolean on) throws Exception {
    Map<String, String> wanted =
        on
            ? Map.of(
                "cleanup.policy", "compact",
                "segment.ms", "1000",
                "min.cleanable.dirty.ratio", "0.01")
            : Map.of("cleanup.policy", "delete", "segment.ms", "604800000");
    admin
        .incrementalAlterConfigs(
            Map.of(
                new ConfigResource(ConfigResource.Type.TOPIC, topic(Topic.ENSURE)),
                wanted.entrySet().stream()
                    .map(
                        e ->
                            new AlterConfigOp(
                                new ConfigEntry(e.getKey(), e.getValue()),
                                AlterConfigOp.OpType.SET))
                    .toList()))
        .all()
        .get(90, TimeUnit.SECONDS);
  }

  /**
   * Publishes ensures of a few users in transactions, every third of which is aborted.
   *
   * @return how many ensures that were
   */
  int transactions(int count, int size) throws Exception {
    if (transactional == null) {
      transactional =
          new KafkaProducer<>(
              Map.of("bootstrap.servers", bootstrapServers, "transactional.id", id),
              new ByteArraySerializer(),
              new ByteArraySerializer());
      transactional.initTransactions();
      for (int i = 0; i < 24; i++) {
        transactionUsers.add(new UserId(new UUID(random.nextLong(), random.nextLong())));
      }
    }
    for (int i = 0; i < count; i++) {
      transactional.beginTransaction();
      for (int j = 0; j < size; j++) {
        UserId user = transactionUsers.get(random.nextInt(transactionUsers.size()));
        transactional.send(
            new ProducerRecord<>(
                topic(Topic.ENSURE),
                user.toString().getBytes(StandardCharsets.UTF_8),
                ("{\"user_id\":\"" + user + "\"}").getBytes(StandardCharsets.UTF_8)));
      }
      if (i % 3 == 2) {
        transactional.flush();
        transactional.abortTransaction();
      } else {
        transactional.commitTransaction();
      }
    }
    return count * size;
  }

  /** Counts the records, since offsets do not show the number. */
  int ensuresInLog() {
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", bootstrapServers),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer())) {
      List<TopicPartition> all = new ArrayList<>();
      for (int p = 0; p < Trial.PARTITIONS; p++) {
        all.add(new TopicPartition(topic(Topic.ENSURE), p));
      }
      consumer.assign(all);
      consumer.seekToBeginning(all);
      Map<TopicPartition, Long> ends = consumer.endOffsets(all);
      int count = 0;
      while (ends.entrySet().stream().anyMatch(e -> consumer.position(e.getKey()) < e.getValue())) {
        count += consumer.poll(Duration.ofMillis(100)).count();
      }
      return count;
    }
  }

  /** Sets the session time-out of this trial's group only. */
  void sessionTimeout(Duration longer) throws Exception {
    admin
        .incrementalAlterConfigs(
            Map.of(
                new ConfigResource(ConfigResource.Type.GROUP, id),
                List.of(
                    new AlterConfigOp(
                        new ConfigEntry(
                            "consumer.session.timeout.ms", Long.toString(longer.toMillis())),
                        AlterConfigOp.OpType.SET))))
        .all()
        .get(90, TimeUnit.SECONDS);
  }

  Map<String, Set<Integer>> assignment() throws Exception {
    return group.assignment();
  }

  /** The number of partitions of a topic, which an administrator may have increased. */
  int partitions(Topic of) throws Exception {
    return admin
        .describeTopics(List.of(topic(of)))
        .allTopicNames()
        .get(90, TimeUnit.SECONDS)
        .get(topic(of))
        .partitions()
        .size();
  }

  boolean isAllCommitted() throws Exception {
    return group.isAllCommitted(topic(Topic.ENSURE), id)
        && group.isAllCommitted(topic(Topic.EXEC), id + "-commands");
  }

  /** Deletes the topics; another trial creates others. */
  void close() throws InterruptedException, TimeoutException {
    if (transactional != null) {
      transactional.close(Duration.ofSeconds(5));
    }
    try {
      admin
          .deleteTopics(Arrays.stream(Topic.values()).map(this::topic).toList())
          .all()
          .get(90, TimeUnit.SECONDS);
    } catch (ExecutionException _) {
      // Not made, or not to be deleted now: they do no harm.
    }
    group.close();
  }
}
