/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.kafka;

import io.zcbot.sandbox.worker.config.KafkaConfig;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.function.Supplier;
import org.apache.kafka.clients.CommonClientConfigs;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Creates Kafka clients for each role. The properties that a role requires are set here; the
 * deployment's properties can change the others (security, time-outs, {@code group.protocol}).
 */
public final class KafkaClients {
  /** Room for a dead letter: the largest record that a broker takes by default, and its headers. */
  private static final int MAX_REQUEST_BYTES = 2 * 1024 * 1024;

  /** The buffer that the smallest copy takes; small, since copies may go to many topics at once. */
  private static final int MAX_REPLY_BATCH_BYTES = 4096;

  private static final int MAX_PARTITION_FETCH_BYTES = 1024 * 1024;

  private static final String GROUP_ROLE = "ensure";

  /** Properties that a consumer outside of a group refuses or does not use. */
  private static final Set<String> OF_GROUP_MEMBERS =
      Set.of(
          ConsumerConfig.GROUP_PROTOCOL_CONFIG,
          ConsumerConfig.GROUP_REMOTE_ASSIGNOR_CONFIG,
          ConsumerConfig.PARTITION_ASSIGNMENT_STRATEGY_CONFIG,
          ConsumerConfig.SESSION_TIMEOUT_MS_CONFIG,
          ConsumerConfig.HEARTBEAT_INTERVAL_MS_CONFIG,
          ConsumerConfig.MAX_POLL_INTERVAL_MS_CONFIG);

  /**
   * Not 0, which would make a reader that waits for another broker poll this one in a busy loop.
   */
  private static final int NO_WAIT_MS = 20;

  private static final int LONGEST_POLL_GAP_MS = 60_000;

  /** 24 days. */
  private static final int LONGEST_REST_MS = Integer.MAX_VALUE;

  private final Map<String, String> given;
  private final String groupId;
  private final String clientId;
  private final FetchSize fetchSize = new FetchSize();
  private final Semaphore turn = new Semaphore(1, true);
  private final Semaphore batchTurn = new Semaphore(1, true);

  /** Creates clients whose client ids begin with {@code clientId}. */
  public KafkaClients(KafkaConfig config, String clientId) {
    this.given = config.properties();
    this.groupId = config.groupId();
    this.clientId = clientId;
  }

  /** How much a consumer fetches at a time, which depends on the number of brokers. */
  public FetchSize fetchSize() {
    return fetchSize;
  }

  /**
   * Creates a member of the workers' group.
   *
   * @param maxPollRecords how many records a poll returns at most
   * @param instanceId the id of a static member, which keeps its partitions across a short absence
   */
  public Consumer<byte[], byte[]> groupConsumer(int maxPollRecords, String instanceId) {
    Map<String, Object> settings = consumer(GROUP_ROLE);
    settings.put(ConsumerConfig.GROUP_INSTANCE_ID_CONFIG, instanceId);
    settings.put(ConsumerConfig.GROUP_ID_CONFIG, groupId);
    settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    settings.putIfAbsent(ConsumerConfig.GROUP_PROTOCOL_CONFIG, "consumer");
    Object protocol = settings.get(ConsumerConfig.GROUP_PROTOCOL_CONFIG);
    if ("consumer".equalsIgnoreCase(String.valueOf(protocol))) {
      settings.putIfAbsent(ConsumerConfig.GROUP_REMOTE_ASSIGNOR_CONFIG, "uniform");
    } else {
      // The default revokes all partitions of all members first, and their sandboxes would be
      // reaped.
      settings.put(
          ConsumerConfig.PARTITION_ASSIGNMENT_STRATEGY_CONFIG,
          CooperativeStickyAssignor.class.getName());
    }
    settings.putIfAbsent(ConsumerConfig.MAX_POLL_INTERVAL_MS_CONFIG, LONGEST_POLL_GAP_MS);
    return RequestConsumer.inGroup(known(settings), batches(GROUP_ROLE), maxPollRecords);
  }

  /** The client id of this worker's group member. */
  public String groupClientId() {
    return clientId + "-" + GROUP_ROLE;
  }

  /** Whether a group member with this client id is a worker. */
  public static boolean isWorker(String clientId) {
    return clientId.endsWith("-" + GROUP_ROLE);
  }

  /**
   * Creates a consumer of requests that assigns itself partitions, and commits in a group that
   * nobody joins.
   *
   * @param groupId that group
   */
  public Consumer<byte[], byte[]> committingConsumer(String role, String groupId) {
    Map<String, Object> settings = consumer(role);
    settings.keySet().removeAll(OF_GROUP_MEMBERS);
    settings.put(ConsumerConfig.GROUP_ID_CONFIG, groupId);
    settings.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    return RequestConsumer.committing(known(settings), batches(role));
  }

  /** Creates a consumer of requests that assigns itself partitions, and commits nothing. */
  public Consumer<byte[], byte[]> freeRequestConsumer(String role) {
    return RequestConsumer.free(known(free(role)), batches(role));
  }

  /** Creates a consumer that assigns itself partitions, and commits nothing. */
  public Consumer<byte[], byte[]> freeConsumer(String role) {
    return new BoundedConsumer(known(free(role)));
  }

  /** Creates one of many consumers like {@link #freeRequestConsumer}. */
  public Consumer<byte[], byte[]> oneOfManyRequestConsumers(String role) {
    return RequestConsumer.oneOfMany(known(free(role)), batches(role), turn);
  }

  /**
   * Creates a consumer like {@link #freeRequestConsumer} that takes little memory, but reads a
   * backlog more slowly.
   */
  public Consumer<byte[], byte[]> smallRequestConsumer(String role) {
    Map<String, Object> settings = free(role);
    settings.put(ConsumerConfig.FETCH_MAX_BYTES_CONFIG, FetchSize.SMALLEST);
    settings.put(ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, FetchSize.SMALLEST);
    return RequestConsumer.free(known(settings), batches(role));
  }

  /**
   * Creates a free consumer for reading ranges that are in the log already. A broker that has
   * nothing more for it answers at once, because the consumer can't request the next range before
   * the answer.
   */
  public Consumer<byte[], byte[]> rangeConsumer(String role) {
    Map<String, Object> settings = free(role);
    settings.put(ConsumerConfig.FETCH_MAX_WAIT_MS_CONFIG, NO_WAIT_MS);
    return new BoundedConsumer(known(settings));
  }

  private Map<String, Object> free(String role) {
    Map<String, Object> settings = consumer(role);
    settings.keySet().removeAll(OF_GROUP_MEMBERS);
    // If retention has cut the window, begin with what is left, unless the role must notice.
    settings.putIfAbsent(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    return settings;
  }

  private Supplier<BatchReader> batches(String role) {
    return () -> new BatchReader(known(free(role + "-batches")), batchTurn);
  }

  private Map<String, Object> consumer(String role) {
    Map<String, Object> settings = common(role);
    int most = fetchSize.ofEachBroker();
    settings.putIfAbsent(ConsumerConfig.FETCH_MAX_BYTES_CONFIG, most);
    settings.putIfAbsent(
        ConsumerConfig.MAX_PARTITION_FETCH_BYTES_CONFIG, Math.min(most, MAX_PARTITION_FETCH_BYTES));
    settings.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, "false");
    settings.put(ConsumerConfig.ALLOW_AUTO_CREATE_TOPICS_CONFIG, "false");
    return settings;
  }

  private static Map<String, Object> known(Map<String, Object> settings) {
    settings.keySet().retainAll(known(ConsumerConfig.configNames(), settings));
    return settings;
  }

  /**
   * Creates a producer that neither loses nor duplicates records. It does not linger, because
   * callers wait for answers.
   */
  public Producer<byte[], byte[]> producer() {
    return producer(publishing());
  }

  /** All properties of {@link #producer}. */
  Map<String, Object> publishing() {
    Map<String, Object> settings = lossless("publish");
    settings.putIfAbsent(ProducerConfig.LINGER_MS_CONFIG, "0");
    // A producer requires delivery.timeout.ms >= linger.ms + request.timeout.ms.
    fit(
        settings,
        new Fitting(ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG, 10_000),
        new Fitting(ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, 30_000),
        number(settings, ProducerConfig.LINGER_MS_CONFIG));
    settings.putIfAbsent(ProducerConfig.MAX_BLOCK_MS_CONFIG, "10000");
    settings.putIfAbsent(ProducerConfig.MAX_REQUEST_SIZE_CONFIG, MAX_REQUEST_BYTES);
    settings.putIfAbsent(ProducerConfig.BUFFER_MEMORY_CONFIG, KafkaConfig.DEFAULT_BUFFER_MEMORY);
    // By default, it forgets a topic after 5 idle minutes, and the next answer waits for its
    // metadata. These topics are few and always the same.
    settings.putIfAbsent(ProducerConfig.METADATA_MAX_IDLE_CONFIG, LONGEST_REST_MS);
    return settings;
  }

  /**
   * Creates a producer of copies, for which nobody waits for long. It must be given only topics
   * that exist: for others, it would have brokers create them, and ask for them again and again.
   */
  public Producer<byte[], byte[]> replyProducer() {
    Map<String, Object> settings = lossless("reply");
    settings.put(ProducerConfig.LINGER_MS_CONFIG, "0");
    settings.put(ProducerConfig.REQUEST_TIMEOUT_MS_CONFIG, "5000");
    settings.put(ProducerConfig.DELIVERY_TIMEOUT_MS_CONFIG, "15000");
    settings.put(ProducerConfig.MAX_BLOCK_MS_CONFIG, "1000");
    settings.put(ProducerConfig.METADATA_MAX_IDLE_CONFIG, "60000");
    settings.put(ProducerConfig.MAX_REQUEST_SIZE_CONFIG, MAX_REQUEST_BYTES);
    settings.put(ProducerConfig.BUFFER_MEMORY_CONFIG, KafkaConfig.DEFAULT_BUFFER_MEMORY);
    settings.put(ProducerConfig.BATCH_SIZE_CONFIG, MAX_REPLY_BATCH_BYTES);
    return producer(settings);
  }

  private Map<String, Object> lossless(String role) {
    Map<String, Object> settings = common(role);
    settings.put(ProducerConfig.ACKS_CONFIG, "all");
    settings.put(ProducerConfig.ENABLE_IDEMPOTENCE_CONFIG, "true");
    return settings;
  }

  private static Producer<byte[], byte[]> producer(Map<String, Object> settings) {
    settings.keySet().retainAll(known(ProducerConfig.configNames(), settings));
    return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
  }

  public Admin admin() {
    Map<String, Object> settings = common("admin");
    // An admin client requires default.api.timeout.ms >= request.timeout.ms.
    fit(
        settings,
        new Fitting(AdminClientConfig.REQUEST_TIMEOUT_MS_CONFIG, 5_000),
        new Fitting(AdminClientConfig.DEFAULT_API_TIMEOUT_MS_CONFIG, 10_000),
        0);
    settings.keySet().retainAll(known(AdminClientConfig.configNames(), settings));
    return Admin.create(settings);
  }

  private record Fitting(String property, long fallback) {}

  /** Sets the defaults of two time-outs so that either can be configured alone. */
  private static void fit(Map<String, Object> settings, Fitting inner, Fitting outer, long extra) {
    if (settings.containsKey(outer.property)) {
      long most = number(settings, outer.property) - extra;
      settings.putIfAbsent(inner.property, Long.toString(Math.clamp(most, 0, inner.fallback)));
    } else {
      settings.putIfAbsent(inner.property, Long.toString(inner.fallback));
      long least = number(settings, inner.property) + extra;
      settings.put(outer.property, Long.toString(Math.max(least, outer.fallback)));
    }
  }

  private static long number(Map<String, Object> settings, String property) {
    return Long.parseLong(String.valueOf(settings.get(property)));
  }

  private Map<String, Object> common(String role) {
    Map<String, Object> settings = new HashMap<>(given);
    // Each attempt to reach a broker that is away logs a line.
    settings.putIfAbsent(CommonClientConfigs.RECONNECT_BACKOFF_MAX_MS_CONFIG, "2000");
    settings.put(CommonClientConfigs.CLIENT_ID_CONFIG, clientId + "-" + role);
    return settings;
  }

  /** The properties for one client. Those that no client knows belong to plug-ins and stay. */
  private static Set<String> known(Set<String> own, Map<String, Object> settings) {
    Set<String> others = new java.util.HashSet<>(ConsumerConfig.configNames());
    others.addAll(ProducerConfig.configNames());
    others.addAll(AdminClientConfig.configNames());
    others.removeAll(own);
    Set<String> kept = new java.util.HashSet<>(settings.keySet());
    kept.removeAll(others);
    return kept;
  }
}
