/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.async.ResultCallback;
import com.github.dockerjava.api.command.ExecCreateCmdResponse;
import com.github.dockerjava.api.command.InspectContainerResponse;
import com.github.dockerjava.api.exception.ConflictException;
import com.github.dockerjava.api.exception.NotFoundException;
import com.github.dockerjava.api.model.Container;
import com.github.dockerjava.api.model.Frame;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.core.DefaultDockerClientConfig;
import com.github.dockerjava.core.DockerClientImpl;
import com.github.dockerjava.zerodep.ZerodepDockerHttpClient;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.EventFormatException;
import io.zcbot.sandbox.events.Failed;
import io.zcbot.sandbox.events.Origin;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.SandboxEvent;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.SandboxImage;
import io.zcbot.sandbox.worker.Worker;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.publish.TopicAdmin;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.MemberDescription;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.GroupIdNotFoundException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.utils.Utils;
import org.jspecify.annotations.Nullable;

/**
 * Topics, a network and workspaces of one test, workers on the real engine, and an agent's view of
 * it all: what it publishes and what it reads.
 */
final class Deployment implements AutoCloseable {
  static final Duration SOON = Duration.ofSeconds(30);

  private final String id = "it-" + UUID.randomUUID().toString().substring(0, 8);
  private final String prefix = id + ".";
  private final String bootstrapServers;
  private final Path workspaces;
  private final Map<String, String> settings = new HashMap<>();
  private final List<Worker> workers = new ArrayList<>();
  private final Set<String> workerIds = ConcurrentHashMap.newKeySet();
  private final AtomicInteger running = new AtomicInteger();
  private final KafkaProducer<byte[], byte[]> producer;
  private final List<ConsumerRecord<byte[], byte[]>> records = new CopyOnWriteArrayList<>();
  private final List<SandboxEvent> events = new CopyOnWriteArrayList<>();
  private final Set<String> madeByHand = ConcurrentHashMap.newKeySet();
  private volatile Thread reader;
  private volatile boolean done;
  private volatile @Nullable String engineAddress;
  private volatile @Nullable Throwable fault;
  private final HttpClient http = HttpClient.newHttpClient();
  private volatile @Nullable String opsAddress;
  final DockerClient docker;

  Deployment() throws IOException {
    this(KafkaForTests.bootstrapServers());
  }

  Deployment(String bootstrapServers) throws IOException {
    this.bootstrapServers = bootstrapServers;
    this.workspaces = Files.createTempDirectory("zcbot-workspaces-");
    this.producer =
        new KafkaProducer<>(
            Map.of(
                "bootstrap.servers", bootstrapServers,
                "linger.ms", "0",
                "max.request.size", "2097152"),
            new ByteArraySerializer(),
            new ByteArraySerializer());
    var config = DefaultDockerClientConfig.createDefaultConfigBuilder().build();
    this.docker =
        DockerClientImpl.getInstance(
            config,
            new ZerodepDockerHttpClient.Builder().dockerHost(config.getDockerHost()).build());
    settings.put("ZCBOT_SANDBOX_IMAGE", SandboxImage.NAME);
    settings.put("ZCBOT_SANDBOX_IDLE_TTL", "300s");
    settings.put("ZCBOT_REAPER_INTERVAL", "1s");
    settings.put("ZCBOT_RECONCILE_INTERVAL", "2s");
    settings.put("ZCBOT_TOPICS_PARTITIONS", "4");
    settings.put("ZCBOT_OPS_ADDRESS", "off");
    settings.put("ZCBOT_STOP_TIMEOUT", "15s");
    // the tests count containers
    settings.put("ZCBOT_SANDBOX_WARM", "0");
  }

  Deployment with(String key, String value) {
    settings.put(key, value);
    return this;
  }

  /** Workers started from now on reach the engine there. */
  Deployment withEngineAt(String address) {
    engineAddress = address;
    return this;
  }

  /** The next worker serves metrics and health. */
  Deployment withOps() throws IOException {
    opsAddress = "127.0.0.1:" + freePort();
    return with("ZCBOT_OPS_ADDRESS", opsAddress);
  }

  String opsPort() {
    return opsAddress.substring(opsAddress.indexOf(':') + 1);
  }

  static int freePort() throws IOException {
    try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return free.getLocalPort();
    }
  }

  HttpResponse<String> ops(String path) throws Exception {
    return http.send(
        HttpRequest.newBuilder(URI.create("http://" + opsAddress + path))
            .timeout(Duration.ofSeconds(10))
            .build(),
        HttpResponse.BodyHandlers.ofString());
  }

  /** Why the worker says that it is not ready, by check; empty if it says that it is. */
  Map<String, String> notReadyBecause() throws Exception {
    HttpResponse<String> answer = ops("/health/ready");
    JsonNode body = new ObjectMapper().readTree(answer.body());
    Map<String, String> reasons = new HashMap<>();
    for (Map.Entry<String, JsonNode> check : body.get("checks").properties()) {
      if (check.getValue().get("status").asText().equals("failing")) {
        reasons.put(check.getKey(), check.getValue().get("reason").asText());
      }
    }
    assertThat(answer.statusCode()).isEqualTo(reasons.isEmpty() ? 200 : 503);
    return reasons;
  }

  String id() {
    return id;
  }

  String topic(Topic topic) {
    return topic.named(prefix);
  }

  String group() {
    return id;
  }

  Path workspaces() {
    return workspaces;
  }

  WorkerConfig config(String name) throws Exception {
    return WorkerConfig.fromEnvironment(environment(name));
  }

  /** The settings of a worker. */
  Map<String, String> environment(String name) {
    Map<String, String> env = new HashMap<>(settings);
    env.put("ZCBOT_WORKER_ID", workerId(name));
    env.put("ZCBOT_HOST", name);
    env.put("ZCBOT_KAFKA_BOOTSTRAP_SERVERS", bootstrapServers);
    env.put("ZCBOT_TOPIC_PREFIX", prefix);
    env.put("ZCBOT_GROUP", group());
    env.put("ZCBOT_SANDBOX_NETWORK", id);
    env.put("ZCBOT_WORKSPACE_ROOT", workspaces.toString());
    return env;
  }

  String workerId(String name) {
    String workerId = id + "-" + name;
    workerIds.add(workerId);
    return workerId;
  }

  /** Starts a worker and waits until all partitions are some worker's and each has some. */
  Worker start(String name) throws Exception {
    Worker worker = worker(name);
    start(worker);
    watch();
    running.incrementAndGet();
    awaitAssignment();
    return worker;
  }

  /** A worker that is not started; closed with the deployment. */
  Worker worker(String name) throws Exception {
    Worker worker = new Worker(config(name));
    workers.add(worker);
    return worker;
  }

  /** Starts a worker, which blocks while the engine or Kafka is away. */
  void start(Worker worker) throws Exception {
    atEngine(
        () -> {
          worker.start();
          return worker;
        });
  }

  /** Does something that looks up where the engine is. */
  <T> T atEngine(Callable<T> action) throws Exception {
    String address = engineAddress;
    if (address == null) {
      return action.call();
    }
    // docker-java takes a system property over the environment.
    System.setProperty("DOCKER_HOST", address);
    try {
      return action.call();
    } finally {
      System.clearProperty("DOCKER_HOST");
    }
  }

  /** Stops a worker as SIGTERM does. */
  void stop(Worker worker) {
    worker.close();
    running.decrementAndGet();
  }

  /** Starts to read the topics, which must exist. */
  void watch() {
    if (reader == null) {
      reader = Thread.ofPlatform().name("agent").daemon().start(this::read);
    }
  }

  /** Makes the topics as a worker would. */
  void createTopics() throws Exception {
    try (Admin admin = admin()) {
      new TopicAdmin(admin, config("topics").kafka()).verifyOrCreate();
    }
  }

  int partitions() {
    return Integer.parseInt(settings.get("ZCBOT_TOPICS_PARTITIONS"));
  }

  /** The partition in which a user's records belong. */
  int home(UserId user) {
    byte[] key = user.toString().getBytes(StandardCharsets.UTF_8);
    return Utils.toPositive(Utils.murmur2(key)) % partitions();
  }

  private void awaitAssignment() {
    try (Admin admin = admin()) {
      await("all partitions assigned")
          .atMost(SOON)
          .until(
              () -> {
                Map<String, Set<Integer>> owned = assignment(admin);
                return owned.size() == Math.min(running.get(), partitions())
                    && owned.values().stream().mapToInt(Set::size).sum() == partitions();
              });
    }
  }

  /** Which partitions each worker has, by worker id; those without any are left out. */
  Map<String, Set<Integer>> assignment() throws Exception {
    try (Admin admin = admin()) {
      return assignment(admin);
    }
  }

  private Map<String, Set<Integer>> assignment(Admin admin) throws Exception {
    Map<String, Set<Integer>> owned = new HashMap<>();
    try {
      for (MemberDescription member :
          admin
              .describeConsumerGroups(List.of(group()))
              .describedGroups()
              .get(group())
              .get(10, TimeUnit.SECONDS)
              .members()) {
        for (TopicPartition partition : member.assignment().topicPartitions()) {
          String workerId = member.groupInstanceId().orElseThrow();
          owned.computeIfAbsent(workerId, _ -> new HashSet<>()).add(partition.partition());
        }
      }
    } catch (ExecutionException e) {
      if (!(e.getCause() instanceof GroupIdNotFoundException)) {
        throw e;
      }
    }
    return owned;
  }

  Admin admin() {
    return Admin.create(Map.<String, Object>of("bootstrap.servers", bootstrapServers));
  }

  private void read() {
    EventCodec codec = new EventCodec();
    try (KafkaConsumer<byte[], byte[]> consumer =
        new KafkaConsumer<>(
            Map.of("bootstrap.servers", bootstrapServers),
            new ByteArrayDeserializer(),
            new ByteArrayDeserializer())) {
      List<TopicPartition> all = new ArrayList<>();
      for (Topic topic : Topic.values()) {
        for (int p = 0; p < partitions(); p++) {
          all.add(new TopicPartition(topic(topic), p));
        }
      }
      consumer.assign(all);
      consumer.seekToBeginning(all);
      while (!done) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(50))) {
          records.add(record);
          for (Topic topic : List.of(Topic.READY, Topic.REAPED, Topic.FAILED)) {
            if (record.topic().equals(topic(topic))) {
              Origin origin =
                  new Origin(
                      record.topic(),
                      record.partition(),
                      record.offset(),
                      Instant.ofEpochMilli(record.timestamp()));
              events.add(codec.decode(topic, record.key(), record.value(), origin));
            }
          }
        }
      }
    } catch (EventFormatException e) {
      fault = new AssertionError("a worker published what is no event", e);
    } catch (RuntimeException e) {
      fault = e;
    }
  }

  // What an agent does.

  static UserId newUser() {
    return new UserId(UUID.randomUUID());
  }

  /** A new user whose records belong in this partition. */
  UserId newUserOf(int partition) {
    UserId user = newUser();
    while (home(user) != partition) {
      user = newUser();
    }
    return user;
  }

  void ensure(UserId user) throws Exception {
    send(Topic.ENSURE, user, "{\"user_id\":\"" + user + "\"}");
  }

  void ensure(UserId user, String eventId) throws Exception {
    send(Topic.ENSURE, user, "{\"user_id\":\"" + user + "\",\"event_id\":\"" + eventId + "\"}");
  }

  void activity(UserId user) throws Exception {
    send(Topic.ACTIVITY, user, "{\"user_id\":\"" + user + "\"}");
  }

  void ensure(UserId user, String eventId, Instant expiresAt) throws Exception {
    String format = "{'user_id':'%s','event_id':'%s','expires_at':'%s'}".replace('\'', '"');
    send(Topic.ENSURE, user, format.formatted(user, eventId, expiresAt));
  }

  private void send(Topic topic, UserId user, String json) throws Exception {
    send(record(topic, null, user, json));
  }

  /** A record as an agent makes it; in the partition of its key if none is given. */
  ProducerRecord<byte[], byte[]> record(
      Topic topic, @Nullable Integer partition, UserId user, String json) {
    return new ProducerRecord<>(
        topic(topic),
        partition,
        user.toString().getBytes(StandardCharsets.UTF_8),
        json.getBytes(StandardCharsets.UTF_8));
  }

  RecordMetadata send(ProducerRecord<byte[], byte[]> record) throws Exception {
    return producer.send(record).get(30, TimeUnit.SECONDS);
  }

  // What an agent sees.

  List<SandboxEvent> events() {
    return List.copyOf(events);
  }

  List<Ready> readies(UserId user) {
    return of(Ready.class, user);
  }

  List<Reaped> reaped(UserId user) {
    return of(Reaped.class, user);
  }

  List<Failed> failures(UserId user) {
    return of(Failed.class, user);
  }

  private <E extends SandboxEvent> List<E> of(Class<E> kind, UserId user) {
    return events.stream()
        .filter(kind::isInstance)
        .map(kind::cast)
        .filter(event -> event.userId().equals(user))
        .toList();
  }

  List<ConsumerRecord<byte[], byte[]>> records(Topic topic) {
    return records.stream().filter(r -> r.topic().equals(topic(topic))).toList();
  }

  Ready awaitReady(UserId user, int number) {
    await("ready " + number + " of " + user)
        .atMost(SOON)
        .pollInterval(Duration.ofMillis(10))
        .until(() -> readies(user).size() >= number || !failures(user).isEmpty());
    assertThat(failures(user)).isEmpty();
    return readies(user).get(number - 1);
  }

  Ready ensured(UserId user) throws Exception {
    int before = readies(user).size();
    ensure(user);
    return awaitReady(user, before + 1);
  }

  Failed awaitFailed(UserId user) {
    await("failed of " + user)
        .atMost(SOON)
        .pollInterval(Duration.ofMillis(10))
        .until(() -> !failures(user).isEmpty());
    return failures(user).getLast();
  }

  /** The answer to an ensure. */
  SandboxEvent awaitAnswer(String ensureId, Duration within) {
    await("answer to " + ensureId)
        .atMost(within)
        .pollInterval(Duration.ofMillis(20))
        .until(() -> !answers(ensureId).isEmpty());
    return answers(ensureId).getFirst();
  }

  List<SandboxEvent> answers(String ensureId) {
    return events.stream()
        .filter(
            event ->
                switch (event) {
                  case Ready ready -> ready.ensureId().equals(ensureId);
                  case Failed failed -> failed.ensureId().equals(ensureId);
                  default -> false;
                })
        .toList();
  }

  Reaped awaitReaped(UserId user, Duration within) {
    await("reaped of " + user)
        .atMost(within)
        .pollInterval(Duration.ofMillis(20))
        .until(() -> !reaped(user).isEmpty());
    return reaped(user).getLast();
  }

  /** The committed offsets of the workers' group. */
  Map<TopicPartition, OffsetAndMetadata> committed() throws Exception {
    try (Admin admin = admin()) {
      return admin
          .listConsumerGroupOffsets(group())
          .partitionsToOffsetAndMetadata()
          .get(10, TimeUnit.SECONDS);
    }
  }

  /** Whether the group has committed all there is. */
  boolean isAllCommitted() throws Exception {
    try (Admin admin = admin()) {
      Map<TopicPartition, OffsetSpec> latest = new HashMap<>();
      for (int p = 0; p < partitions(); p++) {
        latest.put(new TopicPartition(topic(Topic.ENSURE), p), OffsetSpec.latest());
      }
      var ends = admin.listOffsets(latest).all().get(10, TimeUnit.SECONDS);
      var committed = committed();
      return ends.entrySet().stream()
          .allMatch(
              end -> {
                OffsetAndMetadata at = committed.get(end.getKey());
                return (at == null ? 0 : at.offset()) == end.getValue().offset();
              });
    }
  }

  // The engine, as its administrator sees it.

  InspectContainerResponse inspect(String containerId) {
    return docker.inspectContainerCmd(containerId).exec();
  }

  boolean isRunning(String containerId) {
    try {
      return Boolean.TRUE.equals(inspect(containerId).getState().getRunning());
    } catch (NotFoundException _) {
      return false;
    }
  }

  List<Container> containersOf(UserId user) {
    return containers(c -> user.toString().equals(c.getLabels().get("zcbot.user_id")));
  }

  List<Container> containers() {
    return containers(c -> workerIds.contains(c.getLabels().getOrDefault("zcbot.worker", "")));
  }

  /** Makes and starts a container with these labels, as somebody else would. */
  String runByHand(String name, Map<String, String> labels) {
    String container = createByHand(name, labels);
    docker.startContainerCmd(container).exec();
    return container;
  }

  String createByHand(String name, Map<String, String> labels) {
    String container =
        docker
            .createContainerCmd(SandboxImage.NAME)
            .withName(name)
            .withLabels(labels)
            .withEntrypoint("sleep", "600")
            .withHostConfig(HostConfig.newHostConfig().withNetworkMode("none").withInit(true))
            .exec()
            .getId();
    madeByHand.add(container);
    return container;
  }

  boolean exists(String containerId) {
    try {
      inspect(containerId);
      return true;
    } catch (NotFoundException _) {
      return false;
    }
  }

  private List<Container> containers(Predicate<Container> which) {
    return docker.listContainersCmd().withShowAll(true).exec().stream().filter(which).toList();
  }

  /** What a command did. */
  record Ran(long exitCode, String output) {}

  /** Runs a command in a sandbox as an agent service does. */
  Ran exec(String containerId, String... command) throws InterruptedException {
    ExecCreateCmdResponse exec = startable(containerId, command);
    StringBuilder output = new StringBuilder();
    docker
        .execStartCmd(exec.getId())
        .exec(
            new ResultCallback.Adapter<Frame>() {
              @Override
              public void onNext(Frame frame) {
                output.append(new String(frame.getPayload(), StandardCharsets.UTF_8));
              }
            })
        .awaitCompletion(60, TimeUnit.SECONDS);
    Long exit = docker.inspectExecCmd(exec.getId()).exec().getExitCodeLong();
    return new Ran(exit == null ? -1 : exit, output.toString());
  }

  /** Starts a command and leaves it running. */
  void execDetached(String containerId, String... command) throws InterruptedException {
    docker
        .execStartCmd(startable(containerId, command).getId())
        .withDetach(true)
        .exec(new ResultCallback.Adapter<>())
        .awaitCompletion(30, TimeUnit.SECONDS);
  }

  private ExecCreateCmdResponse startable(String containerId, String... command) {
    return docker
        .execCreateCmd(containerId)
        .withUser("1000:1000")
        .withWorkingDir("/workspace")
        .withAttachStdout(true)
        .withAttachStderr(true)
        .withCmd(command)
        .exec();
  }

  @Override
  public void close() throws IOException {
    for (Worker worker : workers.reversed()) {
      worker.close();
    }
    done = true;
    producer.close(Duration.ofSeconds(5));
    Set<String> left = new HashSet<>(madeByHand);
    containers().forEach(container -> left.add(container.getId()));
    for (String container : left) {
      try {
        docker.removeContainerCmd(container).withForce(true).exec();
      } catch (NotFoundException | ConflictException _) {
        // Gone by itself meanwhile, or going.
      }
    }
    await("no container of " + id + " is left").atMost(SOON).until(() -> containers().isEmpty());
    docker.listNetworksCmd().withNameFilter(id).exec().stream()
        .filter(network -> network.getName().equals(id))
        .forEach(network -> docker.removeNetworkCmd(network.getId()).exec());
    docker.close();
    http.close();
    try (var files = Files.walk(workspaces)) {
      for (Path path : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
    Throwable unseen = fault;
    if (unseen != null) {
      throw new AssertionError("reading the topics failed: what the tests saw is not all", unseen);
    }
  }

  /** For messages of tests. */
  @Override
  public String toString() {
    return id + " " + Arrays.toString(events.toArray());
  }
}
