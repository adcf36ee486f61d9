/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.CommandEntry;
import io.zcbot.sandbox.events.ContainerRef;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.standalone.EmbeddedBroker;
import io.zcbot.sandbox.worker.cli.Cli;
import io.zcbot.sandbox.worker.cli.Console;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.kafka.CapacityHeader;
import io.zcbot.sandbox.worker.kafka.KafkaClients;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.testkit.SampleEvents;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.header.internals.RecordHeaders;

/** A broker, and the events of the workers and agents of a large fleet. */
final class PlayedFleet implements AutoCloseable {
  private static final int PARTITIONS = 4;
  private static final int HOSTS = 32;
  private static final EventCodec CODEC = new EventCodec();
  private static final KeyPartitions KEYS = new KeyPartitions(PARTITIONS);

  private static final Header EMPTY = new RecordHeader("", new byte[0]);

  private final Instant start = Instant.now().minusSeconds(60);
  private final EmbeddedBroker broker;
  private final Map<String, String> env;
  private final KafkaClients clients;
  private final Producer<byte[], byte[]> producer;
  private long published;

  /** Starts the broker with empty topics. */
  PlayedFleet(Path data) throws Exception {
    broker = EmbeddedBroker.start(data, 0);
    env =
        Map.of(
            "ZCBOT_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrapServers(),
            "ZCBOT_TOPICS_PARTITIONS", Integer.toString(PARTITIONS),
            "ZCBOT_CONSOLE_ADDRESS", "127.0.0.1:0");
    StringWriter said = new StringWriter();
    PrintWriter to = new PrintWriter(said, true);
    int exitCode = Cli.commandLine(new Console(env, to, to, false)).execute("topics", "create");
    assertThat(exitCode).describedAs("%s", said).isZero();
    clients = new KafkaClients(config().kafka(), "console-test");
    producer = clients.producer();
  }

  /** The settings of a console. */
  Map<String, String> environment() {
    return env;
  }

  WorkerConfig config() throws Exception {
    return WorkerConfig.fromEnvironment(env);
  }

  KafkaClients clients() {
    return clients;
  }

  static UserId user(int number) {
    return new UserId(new UUID(0x4000, 0x8000_0000_0000_0000L + number));
  }

  static ContainerRef container(int number) {
    return new ContainerRef(
        "sandbox-" + number,
        String.format("%08x%056x", number, number),
        "host-" + number % HOSTS,
        "worker-" + number % HOSTS);
  }

  /** A user asks for a sandbox and gets it. */
  void open(int number) {
    ContainerRef container = container(number);
    LiveSandbox live =
        new LiveSandbox(
            user(number), container.id(), container.host(), container.workerId(), start);
    RecordHeaders places = new RecordHeaders();
    CapacityHeader.add(places, 400);
    table(
        Topic.LIVE,
        user(number),
        CODEC.liveKey(user(number), container.id()),
        CODEC.encodeLive(live),
        places);
    publish(new Ensure("n" + number, user(number), start, "gateway", null));
    publish(
        new Ready(
            "r" + number,
            user(number),
            "n" + number,
            start,
            container,
            Ready.Outcome.CLAIMED,
            new Ready.Environment("e", "image:1", "runc", "/w", Duration.ofHours(1)),
            12));
  }

  /** Its entry in the live table. */
  void close(int number) {
    table(
        Topic.LIVE,
        user(number),
        CODEC.liveKey(user(number), container(number).id()),
        null,
        new RecordHeaders());
  }

  void started(int number, String execId) {
    CommandEntry running =
        new CommandEntry(
            user(number),
            execId,
            KEYS.of(user(number)),
            0,
            container(number),
            Instant.now(),
            false);
    table(
        Topic.COMMANDS,
        user(number),
        CODEC.commandKey(user(number), execId),
        CODEC.encodeCommand(running),
        new RecordHeaders());
  }

  void ended(int number, String execId, int exitCode) {
    UserId user = user(number);
    table(Topic.COMMANDS, user, CODEC.commandKey(user, execId), null, new RecordHeaders());
    publish(
        SampleEvents.exited(
            "x" + execId,
            user,
            execId,
            Instant.now(),
            Exited.Reason.EXITED,
            exitCode,
            0,
            container(number),
            Instant.now(),
            250));
  }

  void exec(int number, String id, String script) {
    publish(SampleEvents.exec(id, user(number), Instant.now(), "agent", script));
  }

  void used(int number, String id) {
    publish(new Activity(id, user(number), Instant.now(), null));
  }

  void publish(SandboxEvent event) {
    send(
        new ProducerRecord<>(
            event.topic().named(Topic.DEFAULT_PREFIX), CODEC.key(event), CODEC.encode(event)));
  }

  /** Records of 1 MiB that take 77 MiB in memory. */
  void headerBombs() {
    for (Topic topic : List.of(Topic.ENSURE, Topic.ACTIVITY, Topic.EXEC)) {
      for (int partition = 0; partition < PARTITIONS; partition++) {
        ProducerRecord<byte[], byte[]> bomb =
            new ProducerRecord<>(topic.named(Topic.DEFAULT_PREFIX), partition, null, null);
        for (int i = 0; i < 520_000; i++) {
          bomb.headers().add(EMPTY);
        }
        send(bomb);
      }
    }
  }

  private void table(Topic topic, UserId user, byte[] key, byte[] value, RecordHeaders headers) {
    send(
        new ProducerRecord<>(
            topic.named(Topic.DEFAULT_PREFIX), KEYS.of(user), key, value, headers));
  }

  private void send(ProducerRecord<byte[], byte[]> record) {
    var _ = producer.send(record);
    published++;
  }

  /** How many records there are in all. */
  long published() {
    return published;
  }

  /** Waits until all records are in the log. */
  void flush() {
    producer.flush();
  }

  @Override
  public void close() throws IOException {
    try (broker) {
      producer.close(Duration.ofSeconds(5));
    }
  }
}
