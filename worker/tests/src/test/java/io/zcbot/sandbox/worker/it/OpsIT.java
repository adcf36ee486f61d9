/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.filter.ThresholdFilter;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import ch.qos.logback.core.AppenderBase;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.zcbot.sandbox.events.Ready;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.Worker;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;
import org.slf4j.LoggerFactory;

/** What an operator sees of a worker that has handled some requests: metrics, health, logs. */
@Tag("engine")
@Tag("kafka")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@Isolated("it hears all that is logged")
class OpsIT {
  private static final List<String> SECRETS =
      List.of("s3cr3t-jaas", "s3cr3t-keystore", "s3cr3t-key", "s3cr3t-plugin");

  /** A metric's name; one that ends in an underscore is a prefix of several. */
  private static final Pattern METRIC = Pattern.compile("\\bzcbot_[a-z_]+\\b(?<!_)");

  /** Names that are not metrics: headers, and a Python package. */
  private static final Set<String> HEADERS =
      Set.of(
          "zcbot_error",
          "zcbot_error_field",
          "zcbot_topic",
          "zcbot_partition",
          "zcbot_offset",
          "zcbot_timestamp",
          "zcbot_group",
          "zcbot_truncated",
          "zcbot_redriven",
          "zcbot_forwarded",
          "zcbot_reply_to",
          "zcbot_reply_of",
          "zcbot_places",
          "zcbot_sandbox");

  private static final List<String> LOUD =
      List.of(
          Logger.ROOT_LOGGER_NAME,
          "io.zcbot.sandbox.worker",
          "io.zcbot.sandbox.worker.sandbox",
          "org.apache.kafka");

  private final LoggerContext logging = (LoggerContext) LoggerFactory.getILoggerFactory();
  private final Logger root = logging.getLogger(Logger.ROOT_LOGGER_NAME);
  private final Map<String, Level> levels = new HashMap<>();

  private final Lines lines = new Lines();
  private Deployment deployment;
  private Worker worker;
  private final UserId one = Deployment.newUser();
  private final UserId other = Deployment.newUser();
  private String metrics;

  /** All log events, in full, as the widest pattern would print them. */
  private static final class Lines extends AppenderBase<ILoggingEvent> {
    final Queue<String> all = new ConcurrentLinkedQueue<>();

    @Override
    protected void append(ILoggingEvent event) {
      String thrown =
          event.getThrowableProxy() == null
              ? ""
              : ThrowableProxyUtil.asString(event.getThrowableProxy());
      all.add(
          event.getLoggerName()
              + " "
              + event.getFormattedMessage()
              + " "
              + event.getMDCPropertyMap()
              + thrown);
    }
  }

  /** Three ensures of two users, an activity, a bad record, a foreign partition, a death. */
  @BeforeAll
  void work(@TempDir Path directory) throws Exception {
    hearEverything();
    Path ofPlugin =
        Files.writeString(
            directory.resolve("plugin.properties"), "some.plugins.token=s3cr3t-plugin");
    Path profiles =
        Files.writeString(
            directory.resolve("profiles.yaml"), "profiles: {small: {memory: 96MiB, warm: 0}}");
    deployment =
        new Deployment()
            .withNetwork()
            .withOps()
            .with("ZCBOT_PROFILES", profiles.toString())
            // Without security.protocol the clients connect all the same, and log what they got.
            .with(
                "ZCBOT_KAFKA_SASL_JAAS_CONFIG",
                "org.apache.kafka.common.security.plain.PlainLoginModule required"
                    + " username=\"u\" password=\"s3cr3t-jaas\";")
            .with("ZCBOT_KAFKA_GROUP_REMOTE_ASSIGNOR", "range")
            .with("ZCBOT_KAFKA_SSL_KEYSTORE_PASSWORD", "s3cr3t-keystore")
            .with("ZCBOT_KAFKA_SSL_KEYSTORE_KEY", "s3cr3t-key")
            .with("ZCBOT_KAFKA_PROPERTIES_FILE", ofPlugin.toString());
    worker = deployment.start("a");
    Ready ones = deployment.agent().ensured(one);
    deployment.agent().ensured(one);
    int foreign = (deployment.partitionOf(other) + 1) % deployment.partitions();
    deployment.agent().send(Topic.ENSURE, foreign, other, "{\"user_id\":\"" + other + "\"}");
    deployment.log().awaitReady(other, 1);
    deployment.agent().activity(other);
    deployment.agent().send(Topic.ENSURE, 0, other, "{");
    deployment.host().docker().killContainerCmd(ones.containerId()).exec();
    deployment.log().awaitReaped(one, Deployment.SOON);
    await().atMost(Deployment.SOON).until(deployment.group()::isAllCommitted);
    await()
        .atMost(Deployment.SOON)
        .until(() -> sum("zcbot_activities_total") == 1 && sum("zcbot_lanes_active") == 0);
  }

  private void hearEverything() {
    ThresholdFilter asBefore = new ThresholdFilter();
    asBefore.setLevel("ERROR");
    asBefore.start();
    root.getAppender("console").addFilter(asBefore);
    lines.setContext(logging);
    lines.start();
    root.addAppender(lines);
    for (String name : LOUD) {
      levels.put(name, logging.getLogger(name).getLevel());
      logging.getLogger(name).setLevel(Level.DEBUG);
    }
  }

  @AfterAll
  void leaveNothing() throws Exception {
    root.detachAppender(lines);
    levels.forEach((name, level) -> logging.getLogger(name).setLevel(level));
    root.getAppender("console").clearAllFilters();
    deployment.close();
  }

  /** Some are snapshots that follow what was done a moment later. */
  @Test
  void metricsCountWhatWasDone() {
    await().atMost(Deployment.SOON).untilAsserted(this::assertMetrics);
  }

  private void assertMetrics() throws Exception {
    metrics = deployment.ops().get("/metrics").body();
    // Ensures by answer, with latencies.
    assertThat(value("zcbot_ensure_seconds_count", "answer=\"created\"")).isEqualTo(2);
    assertThat(value("zcbot_ensure_seconds_count", "answer=\"reused\"")).isEqualTo(1);
    assertThat(value("zcbot_ensure_seconds_sum", "answer=\"created\"")).isGreaterThan(0.02);
    assertThat(value("zcbot_ensure_seconds_bucket", "answer=\"created\"", "le=\"60.0\""))
        .isEqualTo(2);
    // Engine calls by operation and result.
    assertThat(value("zcbot_engine_call_seconds_count", "operation=\"create\"", "result=\"ok\""))
        .as("the sandboxes, and the helpers that set the host's rules")
        .isGreaterThanOrEqualTo(2);
    assertThat(value("zcbot_engine_call_seconds_count", "operation=\"inspect\"", "result=\"ok\""))
        .isPositive();
    // What runs, what waits, how far behind.
    assertThat(value("zcbot_sandboxes_running")).isEqualTo(1);
    assertThat(value("zcbot_lanes_active")).isEqualTo(0);
    for (int p = 0; p < deployment.partitions(); p++) {
      String partition = "partition=\"" + p + "\"";
      assertThat(value("zcbot_open_records", partition)).isEqualTo(0);
      assertThat(value("zcbot_lag", partition, "topic=\"" + deployment.topic(Topic.ENSURE) + "\""))
          .isEqualTo(0);
      assertThat(value("zcbot_follower_watermark_age_seconds", partition)).isBetween(0.0, 10.0);
    }
    assertThat(value("zcbot_reaped_total", "reason=\"died\"")).isEqualTo(1);
    assertThat(value("zcbot_reaped_total", "reason=\"idle\"")).isEqualTo(0);
    // The engine of a busy machine may refuse a call.
    assertThat(value("zcbot_retries_total", "because=\"unavailable\"")).isNotNegative();
    assertThat(value("zcbot_activities_total")).isEqualTo(1);
    assertThat(
            value("zcbot_dead_letters_total", "topic=\"" + deployment.topic(Topic.ENSURE) + "\""))
        .isEqualTo(1);
    assertThat(value("zcbot_forwarded_total", "topic=\"" + deployment.topic(Topic.ENSURE) + "\""))
        .isEqualTo(1);
    assertThat(
            value(
                "zcbot_worker_info",
                "worker_id=\"" + deployment.workerId("a") + "\"",
                "host=\"a\""))
        .isEqualTo(1);
    // The Kafka clients of each role, and the JVM.
    for (String role : List.of("ensure", "activity", "commands", "publish")) {
      String client = "client_id=\"zcbot-" + deployment.workerId("a") + "\\S*-" + role + "\"";
      assertThat(samples("kafka_")).as(client).anyMatch(Pattern.compile(client).asPredicate());
    }
    assertThat(value("kafka_consumer_coordinator_assigned_partitions", "-ensure\"")).isEqualTo(4);
    assertThat(samples("jvm_memory_used_bytes")).isNotEmpty();
    assertThat(samples("jvm_threads_live_threads")).isNotEmpty();
    assertThat(samples("process_files_open_files")).isNotEmpty();
  }

  /** Also those of the alert rules. */
  @Test
  void everyMetricThatTheDocumentationNamesIsOnThePage() throws Exception {
    Set<String> named = new TreeSet<>();
    try (Stream<Path> files = Files.list(Path.of("../../docs")).filter(Files::isRegularFile)) {
      for (Path file : Stream.concat(Stream.of(Path.of("../../README.md")), files).toList()) {
        METRIC
            .matcher(Files.readString(file))
            .results()
            .map(MatchResult::group)
            .forEach(named::add);
      }
    }
    named.removeAll(HEADERS);
    // GatewayFailuresIT looks for those of gateways.
    named.removeIf(name -> name.startsWith("zcbot_gateway_"));
    assertThat(named).hasSizeGreaterThan(10);
    // A partition's low watermark shows once the partition was read to its end.
    await().atMost(Deployment.SOON).untilAsserted(() -> assertThat(page()).containsAll(named));
  }

  /** The names of the series on the metrics page. */
  private Set<String> page() throws Exception {
    return deployment
        .ops()
        .get("/metrics")
        .body()
        .lines()
        .filter(line -> !line.startsWith("#"))
        .map(line -> line.split("[{ ]", 2)[0])
        .collect(Collectors.toSet());
  }

  @Test
  void healthIsJsonWithEveryCheck() throws Exception {
    deployment.awaitReady();
    for (String path : List.of("/health/live", "/health/ready")) {
      HttpResponse<String> answer = deployment.ops().get(path);
      assertThat(answer.statusCode()).isEqualTo(200);
      assertThat(answer.headers().firstValue("content-type")).hasValue("application/json");
      assertThat(new ObjectMapper().readTree(answer.body()).get("status").asText()).isEqualTo("ok");
    }
    JsonNode checks =
        new ObjectMapper().readTree(deployment.ops().get("/health/ready").body()).get("checks");
    List<String> names = new ArrayList<>();
    checks.fieldNames().forEachRemaining(names::add);
    assertThat(names)
        .contains(
            "start",
            "engine",
            "engine-events",
            "kafka-activity",
            "kafka-ensures",
            "kafka-publish",
            "partitions",
            "brokers");
    assertThat(deployment.ops().get("/").body()).contains(deployment.workerId("a"));
    assertThat(deployment.ops().get("/nothing").statusCode()).isEqualTo(404);
  }

  @Test
  void noSecretShowsAnywhere() throws Exception {
    // The clients' own account of their settings is among what was heard, or this says nothing.
    assertThat(lines.all).anyMatch(line -> line.contains("sasl.jaas.config = [hidden]"));
    assertThat(lines.all).anyMatch(line -> line.contains("assigned partitions"));
    List<String> shown = new ArrayList<>(lines.all);
    for (String path : List.of("/", "/metrics", "/health/live", "/health/ready")) {
      shown.add(deployment.ops().get(path).body());
    }
    shown.add(deployment.config("a").toString());
    shown.add(worker.toString());
    for (String secret : SECRETS) {
      assertThat(shown).noneMatch(text -> text.contains(secret));
    }
  }

  @Test
  void linesOfALaneNameTheUser() {
    assertThat(lines.all)
        .filteredOn(line -> line.contains("ready (created)"))
        .filteredOn(line -> line.contains(one.toString()) || line.contains(other.toString()))
        .hasSize(2)
        .allMatch(line -> line.matches("(?s).*user=[0-9a-f-]{36}.*") && line.contains("event="));
  }

  private double sum(String name) throws Exception {
    metrics = deployment.ops().get("/metrics").body();
    return samples(name).mapToDouble(OpsIT::valueOf).sum();
  }

  private double value(String name, String... labels) {
    List<String> found =
        samples(name).filter(line -> Stream.of(labels).allMatch(line::contains)).toList();
    assertThat(found).as(name + " " + List.of(labels)).hasSize(1);
    return valueOf(found.getFirst());
  }

  private Stream<String> samples(String name) {
    return metrics
        .lines()
        .filter(line -> !line.startsWith("#"))
        .filter(
            line ->
                name.endsWith("_")
                    ? line.startsWith(name)
                    : line.startsWith(name + "{") || line.startsWith(name + " "));
  }

  private static double valueOf(String line) {
    return Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1));
  }
}
