/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.standalone;

import io.zcbot.sandbox.events.Activity;
import io.zcbot.sandbox.events.Ensure;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.config.KafkaConfig;
import io.zcbot.sandbox.worker.kafka.KafkaClients;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.producer.Producer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;

/**
 * A training run: a worker starts, serves and stops, with a real broker and a stand-in for the
 * engine, so that the JVM keeps the classes that it loaded and linked (JEP 483, JEP 514). A worker
 * that is started with this cache does not repeat that work.
 */
public final class Training {
  private static final Duration PATIENCE = Duration.ofMinutes(2);
  private static final int USERS = 20;
  private static final String MAIN = "io.zcbot.sandbox.worker.cli.Main";
  private static final EventCodec CODEC = new EventCodec();

  private final String servers;
  private final String ops;

  private Training(String servers, String ops) {
    this.servers = servers;
    this.ops = ops;
  }

  /**
   * Trains a worker as it will be started later.
   *
   * @param args {@code --standalone} if the worker brings its own broker; the cache to write; then
   *     the JVM's options and class path as they will be
   */
  public static void main(String[] args) throws Exception {
    List<String> left = List.of(args);
    boolean isStandalone = !left.isEmpty() && left.getFirst().equals("--standalone");
    if (isStandalone) {
      left = left.subList(1, left.size());
    }
    if (left.size() < 2) {
      System.err.println("usage: Training [--standalone] CACHE JAVA-OPTION...");
      System.exit(64);
    }
    Path cache = Path.of(left.getFirst());
    List<String> java = left.subList(1, left.size());
    if (isStandalone) {
      runStandalone(cache, java);
    } else {
      run(cache, java);
    }
    System.exit(0); // the broker leaves threads behind
  }

  /**
   * The options and class path of a worker that was packaged but not put into an image.
   *
   * @param module the directory of the module {@code worker}
   */
  public static List<String> packaged(Path module) throws IOException {
    return List.of("@" + module.resolve("jvm.options"), "-cp", packagedClassPath(module));
  }

  /** The class path of a worker that was packaged, of its commands as well. */
  public static String packagedClassPath(Path module) throws IOException {
    Path target = module.resolve("cli").resolve("target");
    try (Stream<Path> own = Files.list(target);
        Stream<Path> libraries = Files.list(target.resolve("lib"))) {
      return Stream.concat(
              own.filter(path -> path.getFileName().toString().matches("worker-cli-.*\\.jar")),
              libraries.sorted()) // a cache holds for one order only
          .map(Path::toString)
          .collect(Collectors.joining(":"));
    }
  }

  /**
   * Trains a worker as it will be started later.
   *
   * @param cache the file to write
   * @param java the JVM's options and class path as they will be, such as {@code -cp}, {@code
   *     worker.jar}
   * @throws IOException if there is no cache in the end
   */
  public static void run(Path cache, List<String> java) throws Exception {
    Path directory = Files.createTempDirectory("zcbot-training");
    try (EmbeddedBroker broker = EmbeddedBroker.start(directory.resolve("kafka"), 0)) {
      run(cache, java, List.of(MAIN, "run"), broker.bootstrapServers(), directory);
    }
    delete(directory);
  }

  /**
   * Trains a worker that brings its own broker, as {@code bin/run} starts it.
   *
   * @param cache the file to write
   * @param java the JVM's options and class path as they will be
   * @throws IOException if there is no cache in the end
   */
  public static void runStandalone(Path cache, List<String> java) throws Exception {
    Path directory = Files.createTempDirectory("zcbot-training");
    String port = Integer.toString(FreePort.next());
    List<String> program =
        List.of(
            Main.class.getName(),
            "standalone",
            "--data",
            directory.resolve("kafka").toString(),
            "--kafka-port",
            port);
    run(cache, java, program, "127.0.0.1:" + port, directory);
    delete(directory);
  }

  private static void run(
      Path cache, List<String> java, List<String> program, String servers, Path directory)
      throws Exception {
    Path log = directory.resolve("worker.log");
    String ops = "127.0.0.1:" + FreePort.next();
    try (EngineStandIn engine = EngineStandIn.start()) {
      List<String> command = new ArrayList<>();
      command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
      command.addAll(java);
      command.add("-XX:AOTCacheOutput=" + cache);
      command.addAll(program);
      ProcessBuilder builder =
          new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
      builder.environment().keySet().removeIf(key -> key.startsWith("ZCBOT_"));
      builder
          .environment()
          .putAll(
              Map.of(
                  "DOCKER_HOST",
                  engine.address(),
                  "ZCBOT_KAFKA_BOOTSTRAP_SERVERS",
                  servers,
                  "ZCBOT_OPS_ADDRESS",
                  ops,
                  "ZCBOT_WORKER_ID",
                  "training",
                  "ZCBOT_HOST",
                  "training",
                  "ZCBOT_WORKSPACE_ROOT",
                  directory.resolve("workspaces").toString()));
      Process worker = builder.start();
      try {
        new Training(servers, ops).life(worker);
        worker.destroy();
        if (!worker.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
          throw new IOException("the worker did not stop within " + PATIENCE.toSeconds() + " s");
        }
        if (!Files.exists(cache)) {
          throw new IOException("the JVM did not write a cache");
        }
      } catch (IOException e) {
        throw new IOException(
            e.getMessage() + "; the worker's output: " + Files.readString(log), e);
      } finally {
        worker.destroyForcibly();
      }
    }
  }

  private void life(Process worker) throws Exception {
    long deadline = System.nanoTime() + PATIENCE.toNanos();
    while (get("/health/ready") != 200) {
      if (worker.waitFor(50, TimeUnit.MILLISECONDS) || System.nanoTime() > deadline) {
        throw new IOException("the worker did not become ready");
      }
    }
    List<UserId> users = Stream.generate(UUID::randomUUID).limit(USERS).map(UserId::new).toList();
    KafkaClients clients =
        new KafkaClients(
            new KafkaConfig(
                Map.of("bootstrap.servers", servers), "training", "sandbox.", true, 1, (short) 1),
            "training");
    try (Producer<byte[], byte[]> producer = clients.producer();
        Consumer<byte[], byte[]> consumer = clients.freeConsumer("training")) {
      List<TopicPartition> readies =
          consumer.partitionsFor(Topic.READY.named("sandbox.")).stream()
              .map(info -> new TopicPartition(info.topic(), info.partition()))
              .toList();
      consumer.assign(readies);
      consumer.seekToBeginning(readies);
      int answers = 0;
      for (int time = 1; time <= 3; time++) {
        for (UserId user : users) {
          String id = UUID.randomUUID().toString();
          send(producer, new Ensure(id, user, Instant.now(), "training", null));
          send(producer, new Activity(id, user, Instant.now(), "training"));
        }
        while (answers < time * USERS) {
          answers += consumer.poll(Duration.ofMillis(200)).count();
          if (!worker.isAlive() || System.nanoTime() > deadline) {
            throw new IOException("only " + answers + " ensures were answered");
          }
        }
      }
    }
    get("/metrics");
    get("/");
  }

  private static void send(Producer<byte[], byte[]> producer, SandboxEvent event) throws Exception {
    producer
        .send(
            new ProducerRecord<>(
                event.topic().named("sandbox."), CODEC.key(event), CODEC.encode(event)))
        .get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
  }

  /** The status; 0 where nobody answers. */
  private int get(String path) throws InterruptedException {
    try (HttpClient http = HttpClient.newHttpClient()) {
      HttpRequest request =
          HttpRequest.newBuilder(URI.create("http://" + ops + path)).timeout(PATIENCE).build();
      return http.send(request, HttpResponse.BodyHandlers.discarding()).statusCode();
    } catch (IOException _) {
      return 0;
    }
  }

  static void delete(Path directory) throws IOException {
    try (Stream<Path> all = Files.walk(directory)) {
      for (Path path : all.sorted(Comparator.reverseOrder()).toList()) {
        Files.deleteIfExists(path);
      }
    }
  }
}
