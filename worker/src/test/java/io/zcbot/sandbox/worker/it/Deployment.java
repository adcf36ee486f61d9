package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.github.dockerjava.api.DockerClient;
import com.github.dockerjava.api.async.ResultCallback;
import com.github.dockerjava.api.command.ExecCreateCmdResponse;
import com.github.dockerjava.api.command.InspectContainerResponse;
import com.github.dockerjava.api.exception.NotFoundException;
import com.github.dockerjava.api.model.Container;
import com.github.dockerjava.api.model.Frame;
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
import io.zcbot.sandbox.worker.Worker;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

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
  private final KafkaProducer<byte[], byte[]> producer;
  private final List<ConsumerRecord<byte[], byte[]>> records = new CopyOnWriteArrayList<>();
  private final List<SandboxEvent> events = new CopyOnWriteArrayList<>();
  private volatile Thread reader;
  private volatile boolean done;
  final DockerClient docker;

  Deployment() throws IOException {
    this(KafkaForTests.bootstrapServers());
  }

  Deployment(String bootstrapServers) throws IOException {
    this.bootstrapServers = bootstrapServers;
    this.workspaces = Files.createTempDirectory("zcbot-workspaces-");
    this.producer =
        new KafkaProducer<>(
            Map.of("bootstrap.servers", bootstrapServers, "linger.ms", "0"),
            new ByteArraySerializer(),
            new ByteArraySerializer());
    var config = DefaultDockerClientConfig.createDefaultConfigBuilder().build();
    this.docker =
        DockerClientImpl.getInstance(
            config,
            new ZerodepDockerHttpClient.Builder().dockerHost(config.getDockerHost()).build());
    settings.put("ZCBOT_SANDBOX_IDLE_TTL", "300s");
    settings.put("ZCBOT_REAPER_INTERVAL", "1s");
    settings.put("ZCBOT_RECONCILE_INTERVAL", "2s");
    settings.put("ZCBOT_TOPICS_PARTITIONS", "4");
    settings.put("ZCBOT_OPS_ADDRESS", "off");
    settings.put("ZCBOT_STOP_TIMEOUT", "15s");
  }

  Deployment with(String key, String value) {
    settings.put(key, value);
    return this;
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
    Map<String, String> env = new HashMap<>(settings);
    env.put("ZCBOT_WORKER_ID", workerId(name));
    env.put("ZCBOT_HOST", name);
    env.put("ZCBOT_KAFKA_BOOTSTRAP_SERVERS", bootstrapServers);
    env.put("ZCBOT_TOPIC_PREFIX", prefix);
    env.put("ZCBOT_GROUP", group());
    env.put("ZCBOT_SANDBOX_NETWORK", id);
    env.put("ZCBOT_WORKSPACE_ROOT", workspaces.toString());
    return WorkerConfig.fromEnvironment(env);
  }

  String workerId(String name) {
    String workerId = id + "-" + name;
    workerIds.add(workerId);
    return workerId;
  }

  /** Starts a worker and waits until it reads. */
  Worker start(String name) throws Exception {
    Worker worker = new Worker(config(name));
    workers.add(worker);
    worker.start();
    if (reader == null) {
      reader = Thread.ofPlatform().name("agent").daemon().start(this::read);
    }
    awaitAssignment();
    return worker;
  }

  private void awaitAssignment() {
    try (Admin admin = admin()) {
      await("all partitions assigned")
          .atMost(SOON)
          .until(
              () -> assigned(admin) == Integer.parseInt(settings.get("ZCBOT_TOPICS_PARTITIONS")));
    }
  }

  private int assigned(Admin admin) throws Exception {
    try {
      return admin
          .describeConsumerGroups(List.of(group()))
          .describedGroups()
          .get(group())
          .get(10, TimeUnit.SECONDS)
          .members()
          .stream()
          .mapToInt(member -> member.assignment().topicPartitions().size())
          .sum();
    } catch (java.util.concurrent.ExecutionException e) {
      if (e.getCause() instanceof org.apache.kafka.common.errors.GroupIdNotFoundException) {
        return 0;
      }
      throw e;
    }
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
        for (int p = 0; p < Integer.parseInt(settings.get("ZCBOT_TOPICS_PARTITIONS")); p++) {
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
      throw new AssertionError("a worker published what is no event", e);
    }
  }

  // What an agent does.

  static UserId newUser() {
    return new UserId(UUID.randomUUID());
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

  private void send(Topic topic, UserId user, String json) throws Exception {
    send(
        new ProducerRecord<>(
            topic(topic),
            user.toString().getBytes(StandardCharsets.UTF_8),
            json.getBytes(StandardCharsets.UTF_8)));
  }

  void send(ProducerRecord<byte[], byte[]> record) throws Exception {
    producer.send(record).get(30, TimeUnit.SECONDS);
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
    await("failed of " + user).atMost(SOON).until(() -> !failures(user).isEmpty());
    return failures(user).getLast();
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
      Map<TopicPartition, org.apache.kafka.clients.admin.OffsetSpec> latest = new HashMap<>();
      for (int p = 0; p < Integer.parseInt(settings.get("ZCBOT_TOPICS_PARTITIONS")); p++) {
        latest.put(
            new TopicPartition(topic(Topic.ENSURE), p),
            org.apache.kafka.clients.admin.OffsetSpec.latest());
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
    for (Container left : containers()) {
      try {
        docker.removeContainerCmd(left.getId()).withForce(true).exec();
      } catch (NotFoundException _) {
        // Gone by itself meanwhile.
      }
    }
    docker.listNetworksCmd().withNameFilter(id).exec().stream()
        .filter(network -> network.getName().equals(id))
        .forEach(network -> docker.removeNetworkCmd(network.getId()).exec());
    docker.close();
    try (var files = Files.walk(workspaces)) {
      for (Path path : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  /** For messages of tests. */
  @Override
  public String toString() {
    return id + " " + Arrays.toString(events.toArray());
  }
}
