/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.zcbot.sandbox.events.EventCodec;
import io.zcbot.sandbox.events.LiveSandbox;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.ReplyTo;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.gateway.keys.KeyFile;
import io.zcbot.sandbox.worker.Worker;
import io.zcbot.sandbox.worker.cli.CommandException;
import io.zcbot.sandbox.worker.cli.ExitCode;
import io.zcbot.sandbox.worker.cli.RunningGateway;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.ops.Logging;
import io.zcbot.sandbox.worker.testkit.InFullRuns;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.deployment.KafkaAccess;
import java.io.InputStream;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Stream;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.errors.AuthorizationException;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.serialization.ByteArraySerializer;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The permissions that {@code topics acls} prints are sufficient for each role, and each of them is
 * necessary.
 */
@Tag("engine")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Order(7)
class SecureClusterIT {
  @TempDir private static Path directory;

  private SecureCluster cluster;
  private Deployment deployment;
  private Map<String, List<AclBinding>> allowed;
  private String replies;

  @BeforeAll
  void startBroker() throws Exception {
    cluster = SecureCluster.start(directory);
  }

  @AfterAll
  void stopBroker() {
    cluster.close();
  }

  @BeforeEach
  void deploy() throws Exception {
    deployment = cluster.deploy().withOps();
    allowed = cluster.allowAll(deployment);
    cluster.createTopics(deployment);
    replies = ReplyTo.prefix(deployment.id() + ".") + "test";
    cluster
        .admin()
        .createTopics(List.of(new NewTopic(replies, 1, (short) 1)))
        .all()
        .get(90, TimeUnit.SECONDS);
  }

  @AfterEach
  void leaveNothing() throws Exception {
    deployment.close();
  }

  private SecureCluster.Ran run(String role, String... args) {
    return cluster.sandbox(deployment, role, args);
  }

  private boolean works(String role, String... args) {
    return run(role, args).exitCode() == 0;
  }

  @Test
  void aWholeLifeNeedsNoMore() throws Exception {
    deployment.with("ZCBOT_SANDBOX_IDLE_TTL", "3s");
    Worker worker = deployment.start("a");
    UserId user = Deployment.newUser();
    var _ = deployment.agent().ensured(user);
    deployment.agent().activity(user);
    assertThat(deployment.log().awaitReaped(user, Deployment.SOON).reason())
        .isEqualTo(Reaped.Reason.IDLE);
    await().atMost(Deployment.SOON).until(deployment.group()::isAllCommitted);
    deployment.stop(worker);

    SecureCluster.Ran audit = run("auditor", "audit", "--ttl", "3s");
    assertThat(audit.err()).isEmpty();
    assertThat(audit.exitCode()).as(audit.out()).isZero();
    assertThat(audit.out()).contains(user.toString());
    assertThat(run("auditor", "ps", "--all-hosts").err()).isEmpty();
    assertThat(run("operator", "topics", "check").err()).isEmpty();
  }

  @Test
  void whatAWorkerLeftIsPurged() throws Exception {
    deployment.with("ZCBOT_RESTART", "adopt");
    Worker worker = deployment.start("a");
    UserId user = Deployment.newUser();
    Ready ready = deployment.agent().ensured(user);
    deployment.stop(worker);
    await("the membership ends with its session")
        .atMost(Deployment.SOON)
        .until(() -> deployment.group().assignment().isEmpty());
    SecureCluster.Ran purge = run("operator", purge().toArray(String[]::new));
    assertThat(purge.err()).isEmpty();
    assertThat(purge.exitCode()).isZero();
    assertThat(deployment.log().awaitReaped(user, Deployment.SOON).reason())
        .isEqualTo(Reaped.Reason.PURGED);
    assertThat(deployment.host().exists(ready.containerId())).isFalse();
  }

  /** What is removed can't be put back, and whoever uses it would not hear of it. */
  @ParameterizedTest
  @EnumSource(names = {"REAPED", "LIVE", "CURRENT"})
  void whatMayNotBeAnnouncedIsNotPurged(Topic topic) throws Exception {
    AclBinding write =
        SecureCluster.binding(
            "operator",
            ResourceType.TOPIC,
            deployment.topic(topic),
            PatternType.LITERAL,
            AclOperation.WRITE);
    cluster.forbid(write);
    await("the broker knows").atMost(Deployment.SOON).until(() -> !operatorMayWrite(topic));
    deployment.watch();
    UserId user = Deployment.newUser();
    String container = left(user);
    list(user, container);
    for (List<String> purge : List.of(purge(), purge("--force"))) {
      SecureCluster.Ran refused = run("operator", purge.toArray(String[]::new));
      assertThat(refused.err()).contains("no permission Write on topic " + deployment.topic(topic));
      assertThat(refused.exitCode()).isEqualTo(ExitCode.CONFIG);
      assertThat(refused.out()).isEmpty();
      assertThat(deployment.host().exists(container)).isTrue();
    }
    cluster.allow(List.of(write));
    await("a purge with the permission")
        .atMost(Deployment.SOON)
        .until(() -> works("operator", purge().toArray(String[]::new)));
    assertThat(deployment.host().exists(container)).isFalse();
    assertThat(deployment.log().awaitReaped(user, Deployment.SOON).reason())
        .isEqualTo(Reaped.Reason.PURGED);
  }

  private boolean operatorMayWrite(Topic topic) throws Exception {
    return mayWrite("operator", topic);
  }

  private boolean mayWrite(String role, Topic topic) throws Exception {
    Map<String, Object> client = new HashMap<>(cluster.client(role));
    client.put("bootstrap.servers", cluster.bootstrapServers());
    // Who may write nowhere is denied an id first, and a later call may throw that.
    client.put("enable.idempotence", "false");
    try (KafkaProducer<String, String> producer =
        new KafkaProducer<>(client, new StringSerializer(), new StringSerializer())) {
      producer.send(new ProducerRecord<>(deployment.topic(topic), "k", "v")).get();
      return true;
    } catch (ExecutionException | KafkaException e) { // it may know at once
      assertThat(e).hasCauseInstanceOf(AuthorizationException.class);
      return false;
    }
  }

  private List<String> purge(String... more) {
    List<String> words =
        new ArrayList<>(List.of("purge", "--yes", "--worker", deployment.workerId("a")));
    words.addAll(List.of(more));
    return words;
  }

  /** A container as left by a worker that is gone. */
  private String left(UserId user) {
    return deployment
        .host()
        .createByHand(
            "zcbot-sandbox-" + user,
            Map.of(
                "zcbot.product",
                "sandbox",
                "zcbot.user_id",
                user.toString(),
                "zcbot.worker",
                deployment.workerId("a")));
  }

  /** Enters a container into the live table. */
  private void list(UserId user, String container) throws Exception {
    EventCodec codec = new EventCodec();
    LiveSandbox entry =
        new LiveSandbox(user, container, "host", deployment.workerId("a"), Instant.now());
    Map<String, Object> client = new HashMap<>(cluster.administrator());
    client.put("bootstrap.servers", cluster.bootstrapServers());
    try (KafkaProducer<byte[], byte[]> producer =
        new KafkaProducer<>(client, new ByteArraySerializer(), new ByteArraySerializer())) {
      producer
          .send(
              new ProducerRecord<>(
                  deployment.topic(Topic.LIVE),
                  deployment.partitionOf(user),
                  codec.liveKey(user, container),
                  codec.encodeLive(entry)))
          .get();
    }
  }

  @Test
  void aRestartAdoptsWithIt() throws Exception {
    deployment.with("ZCBOT_RESTART", "adopt");
    Worker first = deployment.start("a");
    UserId user = Deployment.newUser();
    Ready ready = deployment.agent().ensured(user);
    deployment.stop(first);
    deployment.start("a");
    assertThat(deployment.agent().ensured(user).containerId()).isEqualTo(ready.containerId());
  }

  /** A producer that may write nowhere is denied its id, for good, as the client sees it. */
  @Test
  void aWorkerThatMayWriteNothingAtItsStartRecovers() throws Exception {
    List<AclBinding> writes =
        allowed.get("worker").stream()
            .filter(b -> b.entry().operation() == AclOperation.WRITE)
            .toList();
    for (AclBinding write : writes) {
      // Without it the start is refused, because topics cannot be described.
      cluster.allow(
          List.of(
              SecureCluster.binding(
                  "worker",
                  write.pattern().resourceType(),
                  write.pattern().name(),
                  write.pattern().patternType(),
                  AclOperation.DESCRIBE)));
      cluster.forbid(write);
    }
    deployment.start("a");
    String ensureId = UUID.randomUUID().toString();
    deployment.agent().ensure(Deployment.newUser(), ensureId);
    await()
        .atMost(Deployment.SOON)
        .untilAsserted(
            () ->
                assertThat(deployment.ops().notReadyBecause().getOrDefault("kafka-publish", ""))
                    .contains("no permission Write on "));
    cluster.allow(writes);
    assertThat(deployment.log().awaitAnswer(ensureId, Deployment.SOON)).isInstanceOf(Ready.class);
    deployment.awaitReady();
  }

  // Each permission, when it is left out, breaks something.

  private interface Check {
    boolean works(AclBinding permission) throws Exception;

    /** Permissions of one kind do the same; only the permission itself distinguishes them. */
    default Object kind(AclBinding permission) {
      return "";
    }
  }

  private void needsEach(String role, Check check) throws Exception {
    Map<Object, AclBinding> checks = new LinkedHashMap<>();
    for (AclBinding permission : allowed.get(role)) {
      cluster.forbid(permission);
      await(role + " without " + permission)
          .atMost(Deployment.SOON)
          .until(() -> !check.works(permission));
      cluster.allow(List.of(permission));
      cluster.awaitAllowed(permission);
      checks.putIfAbsent(check.kind(permission), permission);
    }
    for (AclBinding permission : checks.values()) {
      await(role + " with all, " + permission)
          .atMost(Deployment.SOON)
          .until(() -> check.works(permission));
    }
  }

  @Test
  void anAgentNeedsEachPermission() throws Exception {
    needsEach("agent", _ -> agentWorks());
  }

  /** What only workers say, agents believe, and nothing in it proves who said it. */
  @Test
  void noAgentAndNoAuditorSpeaksForAWorker() throws Exception {
    for (Topic topic : Topic.values()) {
      assertThat(mayWrite("agent", topic)).as("agent, " + topic).isEqualTo(topic.isInput());
      assertThat(mayWrite("auditor", topic)).as("auditor, " + topic).isFalse();
    }
  }

  private boolean agentWorks() {
    Map<String, Object> client = new HashMap<>(cluster.client("agent"));
    client.put("bootstrap.servers", cluster.bootstrapServers());
    client.put("max.block.ms", "5000");
    client.put("group.id", "sandbox-agents-" + UUID.randomUUID());
    client.put("auto.offset.reset", "earliest");
    try (KafkaProducer<String, String> producer =
            new KafkaProducer<>(client, new StringSerializer(), new StringSerializer());
        KafkaConsumer<String, String> consumer =
            new KafkaConsumer<>(client, new StringDeserializer(), new StringDeserializer())) {
      for (Topic topic : Topic.values()) {
        if (!topic.isInput()) {
          continue;
        }
        producer.send(new ProducerRecord<>(deployment.topic(topic), "k", "v")).get();
      }
      consumer.subscribe(
          List.of(
              deployment.topic(Topic.READY),
              deployment.topic(Topic.REAPED),
              deployment.topic(Topic.FAILED),
              deployment.topic(Topic.STARTED),
              deployment.topic(Topic.OUTPUT),
              deployment.topic(Topic.EXITED),
              deployment.topic(Topic.EXPIRING),
              deployment.topic(Topic.CURRENT),
              replies));
      long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(10);
      while (consumer.assignment().isEmpty() && System.nanoTime() < end) {
        consumer.poll(Duration.ofMillis(100));
      }
      consumer.poll(Duration.ofMillis(600)); // each partition is fetched
      return !consumer.assignment().isEmpty();
    } catch (Exception _) {
      return false;
    }
  }

  @Test
  @InFullRuns("aWholeLifeNeedsNoMore audits with all of them")
  void anAuditorNeedsEachPermission() throws Exception {
    needsEach(
        "auditor",
        new Check() {
          @Override
          public boolean works(AclBinding permission) {
            return kind(permission)
                ? reads("auditor", permission.pattern().name())
                : SecureClusterIT.this.works("auditor", "audit")
                    && SecureClusterIT.this.works("auditor", "ps", "--all-hosts");
          }

          @Override
          public Boolean kind(AclBinding permission) {
            return permission.pattern().name().equals(deployment.topic(Topic.CURRENT));
          }
        });
  }

  /** Reads without a group, like a service that builds a table. */
  private boolean reads(String role, String topic) {
    Map<String, Object> client = new HashMap<>(cluster.client(role));
    client.put("bootstrap.servers", cluster.bootstrapServers());
    try (KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(client, new StringDeserializer(), new StringDeserializer())) {
      List<TopicPartition> all =
          consumer.partitionsFor(topic, Duration.ofSeconds(5)).stream()
              .map(each -> new TopicPartition(topic, each.partition()))
              .toList();
      consumer.assign(all);
      consumer.seekToBeginning(all);
      consumer.poll(Duration.ofMillis(600));
      return true;
    } catch (KafkaException _) {
      return false;
    }
  }

  @Test
  void aCommanderRunsCommandsAndReadsItsReplies() throws Exception {
    deployment.start("a");
    UserId user = Deployment.newUser();
    SecureCluster.Ran ran = run("commander", "exec", user.toString(), "--", "true");
    assertThat(ran.err()).isEmpty();
    assertThat(ran.exitCode()).isZero();
    await().atMost(Deployment.SOON).until(() -> reads("commander", replies));
    assertThat(works("commander", "ensure", user.toString(), "--timeout", "5s")).isFalse();
    assertThat(reads("commander", deployment.topic(Topic.CURRENT))).isFalse();
  }

  @Test
  void aGatewayServesWithItsRole() throws Exception {
    deployment.start("a");
    gatewayServes();
    assertThat(mayWrite("gateway", Topic.READY)).isFalse();
    assertThat(reads("gateway", deployment.topic(Topic.LIVE))).isFalse();
  }

  @Test
  @InFullRuns("aGatewayServesWithItsRole")
  void aGatewayNeedsEachPermission() throws Exception {
    deployment.start("a");
    needsEach(
        "gateway",
        _ -> {
          try {
            gatewayServes();
            return true;
          } catch (CommandException | AssertionError | java.io.IOException _) {
            return false;
          }
        });
  }

  /** Has a gateway do all that it does at Kafka: a sandbox's life, a command, its list, its end. */
  private void gatewayServes() throws Exception {
    Path files = directory.resolve(UUID.randomUUID().toString());
    String key = KeyFile.in(files).add("one", 0, 0).text();
    Map<String, String> env = new HashMap<>(deployment.environment("a"));
    env.putAll(KafkaAccess.settings(cluster.client("gateway")));
    env.put("ZCBOT_GATEWAY_ADDRESS", "127.0.0.1:0");
    env.put("ZCBOT_GATEWAY_OPS_ADDRESS", "off");
    env.put("ZCBOT_GATEWAY_DIRECTORY", files.toString());
    try (RunningGateway gateway = RunningGateway.start(WorkerConfig.fromEnvironment(env));
        HttpClient http = HttpClient.newHttpClient()) {
      Function<String, HttpRequest.Builder> to =
          path ->
              HttpRequest.newBuilder(gateway.url().resolve(path))
                  .header("X-API-KEY", key)
                  .timeout(Deployment.SOON);
      JsonNode made =
          new JsonMapper()
              .readTree(
                  sent(
                      http,
                      to.apply("/v2/sandboxes").POST(json("{\"templateID\":\"base\"}")),
                      201));
      String id = made.path("sandboxID").asText();
      Function<String, HttpRequest.Builder> inside =
          path ->
              to.apply(path)
                  .header("E2b-Sandbox-Id", id)
                  .header("E2b-Sandbox-Port", "49983")
                  .header("X-Access-Token", made.path("envdAccessToken").asText());
      byte[] start =
          "{\"process\":{\"cmd\":\"sleep\",\"args\":[\"600\"]},\"tag\":\"it\"}"
              .getBytes(StandardCharsets.UTF_8);
      HttpRequest command =
          inside
              .apply("/process.Process/Start")
              .header("Content-Type", "application/connect+json")
              .POST(
                  BodyPublishers.ofByteArray(
                      ByteBuffer.allocate(5 + start.length)
                          .put((byte) 0)
                          .putInt(start.length)
                          .put(start)
                          .array()))
              .build();
      try (InputStream events = http.send(command, BodyHandlers.ofInputStream()).body()) {
        assertThat(new String(events.readNBytes(30), StandardCharsets.UTF_8)).contains("start");
        assertThat(sent(http, inside.apply("/process.Process/List").POST(json("{}")), 200))
            .contains("sleep");
        String kill = "{\"process\":{\"tag\":\"it\"},\"signal\":\"SIGNAL_SIGKILL\"}";
        String _ = sent(http, inside.apply("/process.Process/SendSignal").POST(json(kill)), 200);
        assertThat(new String(events.readAllBytes(), StandardCharsets.UTF_8)).contains("\"end\"");
      }
      String _ = sent(http, to.apply("/sandboxes/" + id).DELETE(), 204);
    }
  }

  private static HttpRequest.BodyPublisher json(String text) {
    return BodyPublishers.ofString(text);
  }

  private static String sent(HttpClient http, HttpRequest.Builder request, int status)
      throws Exception {
    HttpResponse<String> answer = http.send(request.build(), BodyHandlers.ofString());
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(status);
    return answer.body();
  }

  @Test
  void answersAreGivenThoughTheWorkerMayNotCopyThem() throws Exception {
    AclBinding write =
        SecureCluster.binding(
            "worker",
            ResourceType.TOPIC,
            ReplyTo.prefix(deployment.id() + "."),
            PatternType.PREFIXED,
            AclOperation.WRITE);
    assertThat(allowed.get("worker")).contains(write);
    cluster.forbid(write);
    deployment.start("a");
    UserId user = Deployment.newUser();
    ask(user);
    deployment.log().awaitReady(user, 1);
    await()
        .atMost(Deployment.SOON)
        .until(
            () ->
                deployment
                    .ops()
                    .get("/metrics")
                    .body()
                    .lines()
                    .anyMatch(
                        line ->
                            line.matches(
                                "zcbot_replies_dropped_total\\{reason=\"(absent|denied)\"} [1-9].*")));
    deployment.awaitReady();
    cluster.allow(List.of(write));
    try (KafkaConsumer<String, String> consumer = agentsReplies()) {
      await("a copy, once it is looked for again")
          .atMost(Deployment.SOON)
          .pollInterval(Duration.ofSeconds(1))
          .until(
              () -> {
                ask(user);
                return !consumer.poll(Duration.ofMillis(500)).isEmpty();
              });
    }
  }

  private void ask(UserId user) throws Exception {
    ProducerRecord<byte[], byte[]> record =
        deployment.agent().record(Topic.ENSURE, null, user, "{\"user_id\":\"" + user + "\"}");
    record.headers().add(ReplyTo.HEADER, replies.getBytes(StandardCharsets.UTF_8));
    deployment.agent().send(record);
  }

  private KafkaConsumer<String, String> agentsReplies() {
    Map<String, Object> client = new HashMap<>(cluster.client("agent"));
    client.put("bootstrap.servers", cluster.bootstrapServers());
    KafkaConsumer<String, String> consumer =
        new KafkaConsumer<>(client, new StringDeserializer(), new StringDeserializer());
    TopicPartition only = new TopicPartition(replies, 0);
    consumer.assign(List.of(only));
    consumer.seekToBeginning(List.of(only));
    return consumer;
  }

  @Test
  void theDoctorComparesWhatIsInForceWithTheRoles() throws Exception {
    await()
        .atMost(Deployment.SOON)
        .untilAsserted(
            () ->
                assertThat(acls("operator"))
                    .contains("OK")
                    .contains("agent, worker, gateway, commander"));
    AclBinding more =
        SecureCluster.binding(
            "agent",
            ResourceType.TOPIC,
            deployment.topic(Topic.LIVE),
            PatternType.LITERAL,
            AclOperation.WRITE);
    cluster.allow(List.of(more));
    await()
        .atMost(Deployment.SOON)
        .untilAsserted(
            () ->
                assertThat(acls("operator"))
                    .contains("WARN")
                    .contains("User:agent")
                    .contains("Write on " + deployment.topic(Topic.LIVE)));
    cluster.forbid(more);
    await()
        .atMost(Deployment.SOON)
        .untilAsserted(
            () -> assertThat(acls("worker")).contains("no permission Describe on the cluster"));
  }

  private String acls(String role) {
    String said = run(role, "doctor", "--verbose").out();
    Logging.configureForCommand(false); // or all other tests would log everything
    return said.lines()
        .dropWhile(line -> !line.contains(" acls "))
        .limit(6)
        .collect(java.util.stream.Collectors.joining(" "));
  }

  /** What a worker needs while it runs is in LostPermissionsIT. */
  @Test
  void aWorkerNeedsEachPermissionOfItsStart() throws Exception {
    for (AclBinding permission : allowed.get("worker")) {
      if (permission.entry().operation() == AclOperation.DESCRIBE_CONFIGS) {
        cluster.forbid(permission);
        Worker worker = deployment.worker("a");
        await()
            .atMost(Deployment.SOON)
            .untilAsserted(
                () ->
                    assertThat(problemOfStart(worker))
                        .contains(permission.pattern().name(), "no permission DescribeConfigs"));
        cluster.allow(List.of(permission));
      }
    }
  }

  private static String problemOfStart(Worker worker) {
    try (worker) {
      worker.start();
      return "";
    } catch (Exception e) {
      return String.valueOf(e.getMessage());
    }
  }

  @Test
  @InFullRuns("each operation with all of its permissions")
  void anOperatorNeedsEachPermission() throws Exception {
    needsEach(
        "operator",
        new Check() {
          @Override
          public boolean works(AclBinding permission) throws Exception {
            return operatorWorks(permission);
          }

          @Override
          public Object kind(AclBinding permission) {
            boolean publishes =
                permission.entry().operation() == AclOperation.WRITE && !isForPurges(permission);
            return List.of(
                permission.entry().operation(),
                permission.pattern().resourceType(),
                publishes ? permission.pattern().name() : "");
          }
        });
  }

  private boolean isForPurges(AclBinding permission) {
    return Stream.of(Topic.LIVE, Topic.REAPED, Topic.CURRENT)
        .map(deployment::topic)
        .anyMatch(permission.pattern().name()::equals);
  }

  /** Does the operations that the permission may be needed for. */
  private boolean operatorWorks(AclBinding permission) throws Exception {
    String topic = permission.pattern().name();
    return switch (permission.entry().operation()) {
      case READ -> {
        // What has no record is not fetched, and may be described by all who may write or create.
        fill();
        String file = directory.resolve(UUID.randomUUID() + ".jsonl").toString();
        yield works("operator", "export", "--output", file)
            && works("operator", "ps", "--all-hosts");
      }
      case WRITE ->
          isForPurges(permission)
              ? purges()
              : works("operator", "publish", topic.substring(topic.lastIndexOf('.') + 1), "k", "v");
      case CREATE -> creates(topic);
      case DESCRIBE_CONFIGS -> works("operator", "topics", "check");
      case DESCRIBE ->
          switch (permission.pattern().resourceType()) {
            case CLUSTER -> run("operator", "doctor").out().lines().anyMatch(this::isClockFine);
            default -> purges();
          };
      default -> throw new AssertionError("no check of " + permission);
    };
  }

  /** Puts a record into each topic. */
  private void fill() throws Exception {
    Map<String, Object> client = new HashMap<>(cluster.administrator());
    client.put("bootstrap.servers", cluster.bootstrapServers());
    try (KafkaProducer<String, String> producer =
        new KafkaProducer<>(client, new StringSerializer(), new StringSerializer())) {
      for (Topic topic : Topic.values()) {
        producer.send(new ProducerRecord<>(deployment.topic(topic), "k", "v")).get();
      }
    }
  }

  private boolean isClockFine(String line) {
    return line.contains("kafka-clock") && !line.contains("WARN") && !line.contains("FAIL");
  }

  /** Deletes a topic; returns whether the operator can create it again. */
  private boolean creates(String name) throws Exception {
    cluster.admin().deleteTopics(List.of(name)).all().get();
    await()
        .atMost(Deployment.SOON)
        .until(() -> !cluster.admin().listTopics().names().get().contains(name));
    boolean created = works("operator", "topics", "create");
    if (!created) {
      cluster
          .admin()
          .createTopics(List.of(new NewTopic(name, deployment.partitions(), (short) 1)))
          .all()
          .get();
      settings(
          Arrays.stream(Topic.values())
              .filter(topic -> deployment.topic(topic).equals(name))
              .findFirst()
              .orElseThrow());
    }
    return created;
  }

  private void settings(Topic topic) throws Exception {
    Map<String, String> wanted = new HashMap<>(topic.requiredSettings());
    wanted.putAll(topic.recommendedSettings());
    var resource =
        new org.apache.kafka.common.config.ConfigResource(
            org.apache.kafka.common.config.ConfigResource.Type.TOPIC, deployment.topic(topic));
    cluster
        .admin()
        .incrementalAlterConfigs(
            Map.of(
                resource,
                wanted.entrySet().stream()
                    .map(
                        e ->
                            new org.apache.kafka.clients.admin.AlterConfigOp(
                                new org.apache.kafka.clients.admin.ConfigEntry(
                                    e.getKey(), e.getValue()),
                                org.apache.kafka.clients.admin.AlterConfigOp.OpType.SET))
                    .toList()))
        .all()
        .get();
  }

  private boolean purges() {
    left(Deployment.newUser());
    SecureCluster.Ran purge = run("operator", purge().toArray(String[]::new));
    return purge.exitCode() == 0 && purge.err().isEmpty();
  }
}
