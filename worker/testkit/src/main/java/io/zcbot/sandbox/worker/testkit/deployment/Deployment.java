/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.deployment;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.opentelemetry.api.OpenTelemetry;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.Worker;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.kafka.KeyPartitions;
import io.zcbot.sandbox.worker.publish.TopicAdmin;
import io.zcbot.sandbox.worker.testkit.machine.Commands;
import io.zcbot.sandbox.worker.testkit.machine.Mounts;
import io.zcbot.sandbox.worker.testkit.machine.SandboxImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Workers of one group on the real engine and a real Kafka, with topics, a network and workspaces
 * that nobody else uses, and with everything that belongs to them.
 */
public final class Deployment implements AutoCloseable {
  /** Long enough for anything that should happen at once, even on a busy machine. */
  public static final Duration SOON = Duration.ofSeconds(180);

  private final String id = "it-" + UUID.randomUUID().toString().substring(0, 8);
  private final String prefix = id + ".";
  private final KafkaAccess kafka;
  private final Path workspaces;
  private final Map<String, String> settings = new HashMap<>();
  private final List<Worker> workers = new ArrayList<>();
  private final AtomicInteger running = new AtomicInteger();
  private final TopicLog log;
  private final AgentService agent;
  private final WorkerGroup group;
  private final SandboxHost host;
  private @Nullable WorkerOps ops;
  private OpenTelemetry openTelemetry = OpenTelemetry.noop();

  public Deployment() throws IOException {
    this(KafkaForTests.bootstrapServers());
  }

  public Deployment(String bootstrapServers) throws IOException {
    this(KafkaAccess.open(bootstrapServers));
  }

  /** A deployment in which each party has its own access to Kafka. */
  public Deployment(KafkaAccess kafka) throws IOException {
    this.kafka = kafka;
    this.workspaces = Files.createTempDirectory("zcbot-workspaces-");
    this.log = new TopicLog(kafka, prefix);
    this.agent = new AgentService(kafka, prefix, log);
    this.group = new WorkerGroup(kafka, id, prefix);
    this.host = new SandboxHost(id);
    settings.put("ZCBOT_SANDBOX_IMAGE", SandboxImage.NAME);
    settings.put("ZCBOT_RUNTIME_IMAGE", SandboxImage.NAME);
    settings.put("ZCBOT_SANDBOX_IDLE_TTL", "300s");
    settings.put("ZCBOT_REAPER_INTERVAL", "1s");
    settings.put("ZCBOT_RECONCILE_INTERVAL", "2s");
    settings.put("ZCBOT_TOPICS_PARTITIONS", "4");
    settings.put("ZCBOT_OPS_ADDRESS", "off");
    // Requests and stops wait for a worker that is slow because of other tests.
    settings.put("ZCBOT_ENSURE_EXPIRY", "170s");
    settings.put("ZCBOT_STOP_TIMEOUT", "40s");
    settings.put("ZCBOT_REVOKE_TIMEOUT", "50s");
    // The host is busy with other tests, and a sandbox that is too slow for one would be made anew.
    settings.put("ZCBOT_READY_TIMEOUT", "60s");
    // Asking the engine for its resolvers and setting the rules again take a container each.
    settings.put("ZCBOT_SANDBOX_DNS", "192.0.2.53");
    settings.put("ZCBOT_FIREWALL_INTERVAL", "10m");
    // A network costs the engine a third of a sandbox, and each worker two containers.
    settings.put("ZCBOT_SANDBOX_EGRESS", "none");
    // The tests count containers.
    settings.put("ZCBOT_SANDBOX_WARM", "0");
  }

  // Settings of the workers that are created after the call.

  public Deployment with(String key, String value) {
    settings.put(key, value);
    return this;
  }

  /** Sandboxes reach public addresses, as by default. */
  public Deployment withNetwork() {
    return with("ZCBOT_SANDBOX_EGRESS", "public");
  }

  /** Workers use the engine at this address. */
  public Deployment withEngineAt(String address) {
    return with("DOCKER_HOST", address);
  }

  /** Workers send their spans there. */
  public Deployment tracedBy(OpenTelemetry traced) {
    openTelemetry = traced;
    return this;
  }

  /** Workers serve metrics and health. */
  public Deployment withOps() throws IOException {
    ops = new WorkerOps();
    return with("ZCBOT_OPS_ADDRESS", ops.address());
  }

  public WorkerConfig config(String name) throws Exception {
    return WorkerConfig.fromEnvironment(environment(name));
  }

  /** The settings of a worker. */
  public Map<String, String> environment(String name) {
    Map<String, String> env = new HashMap<>(settings);
    env.put("ZCBOT_WORKER_ID", workerId(name));
    env.put("ZCBOT_HOST", name);
    env.putAll(KafkaAccess.settings(kafka.worker()));
    env.put("ZCBOT_KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrapServers());
    env.put("ZCBOT_TOPIC_PREFIX", prefix);
    env.put("ZCBOT_GROUP", id);
    env.put("ZCBOT_SANDBOX_NETWORK", id);
    env.put("ZCBOT_WORKSPACE_ROOT", workspaces.toString());
    return env;
  }

  // Names.

  /** The id, which is also the name of the group and of the network. */
  public String id() {
    return id;
  }

  public String topic(Topic topic) {
    return topic.named(prefix);
  }

  public Path workspaces() {
    return workspaces;
  }

  public String workerId(String name) {
    String workerId = id + "-" + name;
    host.owns(workerId);
    return workerId;
  }

  public int partitions() {
    return Integer.parseInt(settings.get("ZCBOT_TOPICS_PARTITIONS"));
  }

  /** The partition in which a user's records belong. */
  public int partitionOf(UserId user) {
    return new KeyPartitions(partitions()).of(user);
  }

  public static UserId newUser() {
    return new UserId(UUID.randomUUID());
  }

  /** A new user whose records belong in this partition. */
  public UserId newUserOf(int partition) {
    return Stream.generate(Deployment::newUser)
        .filter(user -> partitionOf(user) == partition)
        .findFirst()
        .orElseThrow();
  }

  // What is around the workers.

  /**
   * The content of the topics, read since the first worker started or {@link #watch} was called.
   */
  public TopicLog log() {
    return log;
  }

  public AgentService agent() {
    return agent;
  }

  public WorkerGroup group() {
    return group;
  }

  public SandboxHost host() {
    return host;
  }

  public WorkerOps ops() {
    return Objects.requireNonNull(ops, "call withOps() first");
  }

  // Workers.

  /**
   * Starts a worker and waits until every partition has a worker and every worker has partitions.
   */
  public Worker start(String name) throws Exception {
    Worker worker = worker(name);
    worker.start();
    watch();
    group.awaitAssigned(partitions(), running.incrementAndGet());
    return worker;
  }

  /** Waits until the worker reports that it is ready. */
  public void awaitReady() {
    await("ready").atMost(SOON).untilAsserted(() -> assertThat(ops().notReadyBecause()).isEmpty());
  }

  /** A worker that is not started; closed with the deployment. */
  public Worker worker(String name) throws Exception {
    Worker worker = new Worker(config(name), openTelemetry);
    workers.add(worker);
    return worker;
  }

  /** Stops a worker as SIGTERM does. */
  public void stop(Worker worker) {
    worker.close();
    running.decrementAndGet();
  }

  /** Begins to read the topics, which must exist. */
  public void watch() {
    log.begin(partitions());
  }

  /** Creates the topics as a worker would. */
  public void createTopics() throws Exception {
    new TopicAdmin(group.admin(), config("topics").kafka()).verifyOrCreate();
  }

  @Override
  public void close() throws IOException {
    for (Worker worker : workers.reversed()) {
      worker.close();
    }
    agent.close();
    group.close();
    host.close();
    if (ops != null) {
      ops.close();
    }
    unmountWorkspaces();
    try (Stream<Path> files = Files.walk(workspaces)) {
      for (Path path : files.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
    log.close();
  }

  /** A worker in a process of its own that was killed leaves its root mounted on itself. */
  private void unmountWorkspaces() {
    await("the root is unmounted")
        .atMost(SOON)
        .until(
            () -> {
              Commands.tryRun("umount", "-q", "-R", workspaces.toString());
              return Mounts.beneath(workspaces).isEmpty();
            });
  }

  /** For messages of tests. */
  @Override
  public String toString() {
    return id + " " + log.events();
  }
}
