/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.client.ClientMetrics;
import io.zcbot.sandbox.client.ClientOptions;
import io.zcbot.sandbox.client.SandboxClient;
import io.zcbot.sandbox.events.CloudEvents;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.config.KafkaConfig;
import io.zcbot.sandbox.worker.doctor.BrokerProbe;
import io.zcbot.sandbox.worker.kafka.KafkaClients;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.function.Function;
import java.util.function.Supplier;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.InvalidOffsetException;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.jspecify.annotations.Nullable;

/**
 * Access to Kafka for commands: every call ends within seconds, and a failure becomes a message for
 * people. Connects when first used.
 */
final class KafkaLog implements AutoCloseable {
  private static final String SOURCE = "/zcbot/sandbox/cli";
  private static final String MISSING =
      "the topic does not exist; a worker creates it when it starts, and so does 'topics create'";

  private final KafkaConfig config;
  private final Patience patience;
  private final String clientId;
  private final KafkaClients clients;
  private final EventCodec codec = new EventCodec();
  private @Nullable Producer<byte[], byte[]> producer;
  private boolean isReachable;
  private volatile boolean isClosed;

  KafkaLog(KafkaConfig config) {
    this.patience = Patience.of(config);
    this.config = patience.config();
    this.clientId = "zcbot-cli-" + ProcessHandle.current().pid();
    this.clients = new KafkaClients(this.config, clientId);
  }

  KafkaClients clients() {
    return clients;
  }

  /**
   * Connects the client library, which the caller closes.
   *
   * @param needed a topic that is published to; if that is known to be impossible, this throws
   */
  SandboxClient client(Topic needed) throws CommandException, InterruptedException {
    return client(needed, "cli", ClientMetrics.NONE);
  }

  /**
   * Connects the client library as {@link #client(Topic)} does.
   *
   * @param requestedBy who its requests say they are of
   */
  SandboxClient client(Topic needed, String requestedBy, ClientMetrics metrics)
      throws CommandException, InterruptedException {
    requireTopic(needed);
    Map<String, Object> properties = new HashMap<>(config.properties());
    properties.put("client.id", clientId);
    try {
      return SandboxClient.connect(
          properties,
          ClientOptions.defaults()
              .withTopicPrefix(config.topicPrefix())
              .withRequestedBy(requestedBy)
              .withMetrics(metrics)
              .withoutRepeats());
    } catch (KafkaException e) {
      throw failed("connect", e);
    }
  }

  /** Creates an admin client, which the caller closes. */
  Admin admin(String purpose) throws CommandException, InterruptedException {
    requireReachable(purpose);
    try {
      return clients.admin();
    } catch (KafkaException e) {
      throw failed(purpose, e);
    }
  }

  /**
   * Throws if no broker listens. Called after a client was created, so that invalid settings are
   * reported first.
   */
  private void requireReachable(String purpose) throws CommandException, InterruptedException {
    String problem = isReachable ? null : BrokerProbe.problem(config.bootstrapServers());
    if (problem != null) {
      throw error(
          ExitCode.UNAVAILABLE,
          purpose,
          "no broker can be reached ("
              + problem
              + "); check that Kafka runs there and that ZCBOT_KAFKA_BOOTSTRAP_SERVERS is right",
          null);
    }
    isReachable = true;
  }

  KafkaConfig config() {
    return config;
  }

  /** Publishes an event, and returns its position once it is acknowledged. */
  RecordMetadata publish(SandboxEvent event) throws CommandException, InterruptedException {
    Headers headers = new RecordHeaders();
    CloudEvents.headers(event, SOURCE)
        .forEach((name, value) -> headers.add(name, value.getBytes(StandardCharsets.UTF_8)));
    return publish(event.topic(), codec.key(event), codec.encode(event), headers);
  }

  /** Publishes the tombstone that removes a sandbox from the live table. */
  void removeLive(UserId user, String containerId) throws CommandException, InterruptedException {
    String topic = Topic.LIVE.named(config.topicPrefix());
    send(
        topic,
        all -> {
          int partition = new KeyPartitions(all.partitionsFor(topic).size()).of(user);
          return new ProducerRecord<>(topic, partition, codec.liveKey(user, containerId), null);
        });
  }

  /** Publishes the tombstone that removes a user from the table of current sandboxes. */
  void removeCurrent(UserId user) throws CommandException, InterruptedException {
    send(
        new ProducerRecord<>(
            Topic.CURRENT.named(config.topicPrefix()), codec.currentKey(user), null));
  }

  /** Publishes a record by its parts, and returns its position once it is acknowledged. */
  RecordMetadata publish(Topic to, byte[] key, byte[] value, Headers headers)
      throws CommandException, InterruptedException {
    String topic = to.named(config.topicPrefix());
    return send(topic, _ -> new ProducerRecord<>(topic, null, key, value, headers));
  }

  /** Publishes a record, and returns its position once it is acknowledged. */
  RecordMetadata send(ProducerRecord<byte[], byte[]> record)
      throws CommandException, InterruptedException {
    return send(record.topic(), _ -> record);
  }

  private RecordMetadata send(
      String topic, Function<Producer<byte[], byte[]>, ProducerRecord<byte[], byte[]>> record)
      throws CommandException, InterruptedException {
    try {
      Producer<byte[], byte[]> to = producer(topic);
      return to.send(record.apply(to)).get();
    } catch (KafkaException e) {
      throw failed("publish to " + topic, e);
    } catch (ExecutionException e) {
      throw failed("publish to " + topic, e.getCause() == null ? e : e.getCause());
    } catch (IllegalStateException e) {
      if (!isClosed) {
        throw e;
      }
      // A thread that reads this process's input can't be waited for, and may outlive the command.
      throw error(ExitCode.FAILED, "publish to " + topic, "the connection is closed", e);
    }
  }

  /** Throws if a topic can't be published to for a reason that is known before anything is sent. */
  void requireTopic(Topic topic) throws CommandException, InterruptedException {
    String name = topic.named(config.topicPrefix());
    try {
      var _ = producer(name).partitionsFor(name);
    } catch (KafkaException e) {
      throw failed("publish to " + name, e);
    }
  }

  private Producer<byte[], byte[]> producer(String topic)
      throws CommandException, InterruptedException {
    if (producer == null) {
      producer = clients.producer();
    }
    requireReachable("publish to " + topic);
    return producer;
  }

  /** Opens a reader of ranges of topics, which the caller closes. */
  RangeReader ranges(Topic... topics) throws CommandException {
    return new RangeReader(
        open(() -> clients.rangeConsumer("read"), topics, Positioning.none()),
        config.topicPrefix());
  }

  /** Opens a consumer at the present ends of topics, which the caller closes. */
  Consumer<byte[], byte[]> fromEnd(Topic... topics) throws CommandException {
    return open(topics, Positioning.ends());
  }

  /** Opens a consumer of a user's partition of topics at its present end; the caller closes it. */
  Consumer<byte[], byte[]> fromEnd(UserId user, Topic... topics) throws CommandException {
    return open(topics, Positioning.ends().of(user));
  }

  /** Opens a consumer at the beginnings of topics, which the caller closes. */
  Consumer<byte[], byte[]> fromBeginning(Topic... topics) throws CommandException {
    return open(topics, Positioning.beginnings());
  }

  /** Opens a consumer at the first records at or after an instant, which the caller closes. */
  Consumer<byte[], byte[]> since(Instant instant, Topic... topics) throws CommandException {
    return open(topics, Positioning.since(instant));
  }

  private Consumer<byte[], byte[]> open(Topic[] topics, Positioning positioning)
      throws CommandException {
    return open(() -> clients.freeConsumer("read"), topics, positioning);
  }

  private Consumer<byte[], byte[]> open(
      Supplier<Consumer<byte[], byte[]>> consumers, Topic[] topics, Positioning positioning)
      throws CommandException {
    String what =
        "read "
            + String.join(
                ", ", Arrays.stream(topics).map(t -> t.named(config.topicPrefix())).toList());
    Consumer<byte[], byte[]> consumer = null;
    try {
      consumer = consumers.get();
      requireReachable(what);
      positioning.assign(consumer, partitions(consumer, topics), patience.answer());
      return consumer;
    } catch (KafkaException e) {
      close(consumer);
      throw failed(what, e);
    } catch (CommandException e) {
      close(consumer);
      throw e;
    } catch (InterruptedException e) {
      close(consumer);
      Thread.currentThread().interrupt();
      throw new CommandException(ExitCode.FAILED, "interrupted", e);
    }
  }

  private List<TopicPartition> partitions(Consumer<byte[], byte[]> consumer, Topic... topics)
      throws CommandException {
    List<TopicPartition> partitions = new ArrayList<>();
    for (Topic topic : topics) {
      String name = topic.named(config.topicPrefix());
      List<PartitionInfo> found = consumer.partitionsFor(name, patience.firstAnswer());
      if (found == null || found.isEmpty()) {
        throw error(ExitCode.CONFIG, "read " + name, MISSING, null);
      }
      found.forEach(p -> partitions.add(new TopicPartition(name, p.partition())));
    }
    return partitions;
  }

  private CommandException error(int exitCode, String what, String why, @Nullable Throwable cause) {
    return new CommandException(
        exitCode, "could not " + what + " on " + config.bootstrapServers() + ": " + why, cause);
  }

  /**
   * Converts a failure to a message for people. A retryable failure of Kafka gets the exit code
   * UNAVAILABLE.
   */
  CommandException failed(String what, Throwable cause) {
    if (cause.getCause() instanceof UnknownTopicOrPartitionException) {
      return error(ExitCode.CONFIG, what, MISSING, cause); // still missing after the wait
    }
    if (cause instanceof InvalidOffsetException lost) {
      return error(
          ExitCode.UNAVAILABLE,
          what,
          "the brokers deleted records of "
              + String.join(", ", lost.partitions().stream().map(String::valueOf).toList())
              + " before they were read; run the command again, or let 'audit' and 'export' begin"
              + " later, with --from",
          cause);
    }
    if (!BrokerProbe.hasAddress(config.bootstrapServers())) {
      return error(
          ExitCode.UNAVAILABLE,
          what,
          "no name there has an address; check the name and this machine's DNS",
          cause);
    }
    boolean passing =
        cause instanceof RetriableException || cause.getCause() instanceof RetriableException;
    return error(
        passing ? ExitCode.UNAVAILABLE : ExitCode.CONFIG,
        what,
        reason(cause)
            + "; check "
            + (passing
                ? "that Kafka runs there and that ZCBOT_KAFKA_BOOTSTRAP_SERVERS is right"
                : "ZCBOT_KAFKA_* and the permissions of this client"),
        cause);
  }

  /** Returns the innermost message of Kafka's, without «could not make a client». */
  static String reason(Throwable cause) {
    Throwable root = cause;
    while (root instanceof KafkaException && root.getCause() instanceof KafkaException deeper) {
      root = deeper;
    }
    return String.valueOf(root.getMessage());
  }

  private static void close(@Nullable Consumer<byte[], byte[]> consumer) {
    if (consumer != null) {
      consumer.close();
    }
  }

  @Override
  public void close() {
    isClosed = true;
    if (producer != null) {
      producer.close(Duration.ofSeconds(2));
    }
  }
}
