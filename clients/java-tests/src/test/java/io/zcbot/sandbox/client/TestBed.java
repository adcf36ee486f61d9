/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.client;

import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.Output;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.standalone.EmbeddedBroker;
import io.zcbot.sandbox.standalone.EngineStandIn;
import io.zcbot.sandbox.worker.Worker;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/**
 * A real broker and a real worker, with the real engine or with a stand-in that creates no
 * containers. Public for the tests of the gateway, which is a user of the client.
 */
public final class TestBed implements AutoCloseable {
  private final String id = "client-" + UUID.randomUUID().toString().substring(0, 8);
  private final Path directory;
  private final int port;
  private final EngineStandIn engine;
  private final Map<String, String> settings = new HashMap<>();
  private EmbeddedBroker broker;
  private Worker worker;

  private TestBed(EngineStandIn engine) throws IOException {
    this.engine = engine;
    this.directory = Files.createTempDirectory("zcbot-client-");
    this.broker = EmbeddedBroker.start(directory.resolve("kafka"), 0);
    this.port = Integer.parseInt(broker.bootstrapServers().replaceAll(".*:", ""));
    settings.put("ZCBOT_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrapServers());
    settings.put("ZCBOT_WORKER_ID", id);
    settings.put("ZCBOT_HOST", "client-it");
    settings.put("ZCBOT_GROUP", id);
    settings.put("ZCBOT_SANDBOX_NETWORK", id);
    settings.put(
        "ZCBOT_SANDBOX_IMAGE",
        System.getenv().getOrDefault("ZCBOT_TEST_SANDBOX_IMAGE", "zcbot-sandbox:latest"));
    settings.put("ZCBOT_WORKSPACE_ROOT", directory.resolve("workspaces").toString());
    settings.put("ZCBOT_TOPICS_PARTITIONS", "4");
    settings.put("ZCBOT_REAPER_INTERVAL", "1s");
    settings.put("ZCBOT_OPS_ADDRESS", "off");
    settings.put("ZCBOT_STOP_TIMEOUT", "15s");
    settings.put("ZCBOT_SANDBOX_WARM", "0");
    if (engine != null) {
      settings.put("DOCKER_HOST", engine.address());
    }
  }

  public static TestBed onTheEngine() throws IOException {
    return new TestBed(null);
  }

  static TestBed withoutSandboxes() throws IOException {
    return new TestBed(EngineStandIn.start());
  }

  public TestBed with(String setting, String value) {
    settings.put(setting, value);
    return this;
  }

  public TestBed start() throws Exception {
    worker = new Worker(WorkerConfig.fromEnvironment(settings));
    worker.start();
    return this;
  }

  public String bootstrapServers() {
    return "127.0.0.1:" + port;
  }

  public SandboxClient client() {
    return client(ClientOptions.defaults());
  }

  SandboxClient client(ClientOptions options) {
    return SandboxClient.connect(Map.of("bootstrap.servers", bootstrapServers()), options);
  }

  public static String newUser() {
    return UUID.randomUUID().toString();
  }

  Path workspace(UserId user) {
    return directory.resolve("workspaces").resolve(user.toString());
  }

  /** The workspace root of another worker. */
  Path workspacesOf(String host) {
    return directory.resolve("workspaces-" + host);
  }

  /** The settings of another worker of the same group, as if on another host. */
  Map<String, String> settingsOf(String host) {
    Map<String, String> other = new HashMap<>(settings);
    other.put("ZCBOT_WORKER_ID", id + "-" + host);
    other.put("ZCBOT_HOST", host);
    other.put("ZCBOT_WORKSPACE_ROOT", workspacesOf(host).toString());
    return other;
  }

  /** Stops the worker, which leaves its group. */
  void stopWorker() {
    worker.close();
    worker = null;
  }

  public void stopBroker() throws IOException {
    broker.close();
  }

  public void startBroker() throws IOException {
    broker = EmbeddedBroker.start(directory.resolve("kafka"), port);
  }

  /** Returns all outputs of commands that the log has, each user's in their order. */
  public List<Output> outputs() throws Exception {
    EventCodec codec = new EventCodec();
    List<Output> outputs = new ArrayList<>();
    try (Consumer<byte[], byte[]> consumer =
        new KafkaSettings(Map.of("bootstrap.servers", bootstrapServers())).consumer()) {
      List<TopicPartition> partitions =
          consumer.partitionsFor(Topic.OUTPUT.named("sandbox.")).stream()
              .map(each -> new TopicPartition(each.topic(), each.partition()))
              .toList();
      consumer.assign(partitions);
      consumer.seekToBeginning(partitions);
      Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
      while (partitions.stream().anyMatch(each -> consumer.position(each) < ends.get(each))) {
        for (var record : consumer.poll(Duration.ofMillis(500))) {
          Origin origin =
              new Origin(
                  record.topic(), record.partition(), record.offset(), Instant.now(), null, null);
          outputs.add((Output) codec.decode(Topic.OUTPUT, record.key(), record.value(), origin));
        }
      }
    }
    return outputs;
  }

  /** Publishes a record that nobody should publish. */
  void forge(Topic topic, String key, byte[] value) throws Exception {
    try (Producer<byte[], byte[]> producer =
        new KafkaSettings(Map.of("bootstrap.servers", bootstrapServers())).producer().get()) {
      producer
          .send(new ProducerRecord<>(topic.named("sandbox."), key.getBytes("UTF-8"), value))
          .get(60, TimeUnit.SECONDS);
    }
  }

  /** Changes a byte of a topic's first partition, of which nothing was read yet. */
  void damage(String topic, int at) throws IOException {
    Path end = Path.of(topic + "-0", "00000000000000000000.log");
    Path log;
    try (Stream<Path> files = Files.walk(directory.resolve("kafka"))) {
      log = files.filter(file -> file.endsWith(end)).findFirst().orElseThrow();
    }
    try (RandomAccessFile file = new RandomAccessFile(log.toFile(), "rw")) {
      file.seek(at);
      int before = file.read();
      file.seek(at);
      file.write(before ^ 1 << 3);
    }
  }

  void createTopic(String name, int partitions) throws Exception {
    createTopic(name, partitions, Map.of());
  }

  void createTopic(String name, int partitions, Map<String, String> settings) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrapServers()))) {
      admin
          .createTopics(List.of(new NewTopic(name, partitions, (short) 1).configs(settings)))
          .all()
          .get(60, TimeUnit.SECONDS);
    }
  }

  @Override
  public void close() throws IOException {
    if (worker != null) {
      worker.close();
    }
    broker.close();
    if (engine != null) {
      engine.close();
    } else {
      run("docker", "network", "rm", id);
      // A worker leaves its root mounted on itself where a container still used it when it stopped.
      run("umount", directory.resolve("workspaces").toString());
    }
    try (Stream<Path> files = Files.walk(directory)) {
      for (Path path : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    }
  }

  /** Runs a command and ignores its exit code. */
  private static void run(String... command) throws IOException {
    new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.DISCARD)
        .start()
        .onExit()
        .orTimeout(60, TimeUnit.SECONDS)
        .join();
  }
}
