/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.cli.RunningGateway;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.deployment.WorkerOps;
import io.zcbot.sandbox.worker.testkit.deployment.WorkerProcess;
import java.io.IOException;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.awaitility.core.ThrowingRunnable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;

/**
 * A real Prometheus scrapes a real worker and a real gateway as docs/monitoring.md describes, with
 * the alert rules.
 */
@Tag("engine")
@Tag("kafka")
@Tag("prometheus")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class PrometheusIT {
  private static final Pattern CONFIGURATION = Pattern.compile("(?s)```yaml\n(rule_files:.*?)```");
  private static final Pattern TARGETS = Pattern.compile("targets: \\[.*]");

  @TempDir private static Path directory;
  private Deployment deployment;
  private WorkerProcess worker;
  private RunningGateway gateway;
  private int gatewayOps;
  private PrometheusServer prometheus;

  @BeforeAll
  void start() throws Exception {
    deployment = new Deployment().withNetwork().withOps();
    deployment.createTopics();
    deployment.watch();
    worker = WorkerProcess.start(deployment, "a");
    gatewayOps = WorkerOps.freePort();
    Map<String, String> settings = new HashMap<>(deployment.environment("a"));
    settings.put("ZCBOT_GATEWAY_ADDRESS", "127.0.0.1:0");
    settings.put("ZCBOT_GATEWAY_OPS_ADDRESS", "127.0.0.1:" + gatewayOps);
    settings.put("ZCBOT_GATEWAY_DIRECTORY", directory.resolve("gateway").toString());
    gateway = RunningGateway.start(WorkerConfig.fromEnvironment(settings));
    prometheus = PrometheusServer.start(configuration(), directory);
  }

  /**
   * The configuration from the documentation, with this worker and gateway, and shorter intervals
   * for tests.
   */
  private Path configuration() throws IOException {
    Files.writeString(
        directory.resolve("alerts.yml"),
        Files.readString(Path.of("../../docs/alerts.yml")).replaceAll("for: [0-9]+m", "for: 1s"));
    Matcher documented =
        CONFIGURATION.matcher(Files.readString(Path.of("../../docs/monitoring.md")));
    assertThat(documented.find()).isTrue();
    Iterator<Integer> ports = List.of(deployment.ops().port(), gatewayOps).iterator();
    return Files.writeString(
        directory.resolve("prometheus.yml"),
        "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
            + TARGETS
                .matcher(documented.group(1))
                .replaceAll(_ -> "targets: ['127.0.0.1:" + ports.next() + "']"));
  }

  @AfterAll
  void stop() throws Exception {
    try (Deployment _ = deployment;
        WorkerProcess _ = worker;
        RunningGateway _ = gateway) {
      if (prometheus != null) {
        prometheus.close();
      }
    }
  }

  private static void soon(ThrowingRunnable assertion) {
    await().atMost(Deployment.SOON).untilAsserted(assertion);
  }

  @Test
  @Order(1)
  void theWorkerAndTheGatewayAreScraped() {
    soon(
        () -> {
          JsonNode targets = prometheus.get("targets").get("activeTargets");
          assertThat(targets)
              .hasSize(2)
              .allSatisfy(
                  target ->
                      assertThat(target.get("health").asText())
                          .describedAs("%s", target)
                          .isEqualTo("up"));
        });
  }

  @Test
  @Order(2)
  void eachRuleIsEvaluated() throws Exception {
    long alerts =
        Files.readAllLines(Path.of("../../docs/alerts.yml")).stream()
            .filter(line -> line.contains("- alert:"))
            .count();
    soon(
        () -> {
          List<JsonNode> rules =
              prometheus
                  .get("rules")
                  .get("groups")
                  .valueStream()
                  .flatMap(group -> group.get("rules").valueStream())
                  .toList();
          assertThat(rules).hasSize((int) alerts);
          assertThat(rules)
              .allSatisfy(
                  rule ->
                      assertThat(rule.get("health").asText())
                          .describedAs("%s", rule)
                          .isEqualTo("ok"));
        });
  }

  @Test
  @Order(3)
  void eachExpressionOfTheDashboardHasData() throws Exception {
    UserId user = Deployment.newUser();
    deployment.agent().ensured(user);
    deployment.agent().activity(user);
    deployment.agent().exec(user, "e", "'command':['true']");
    deployment.log().awaitExited("e");
    for (HttpClient.Version version : HttpClient.Version.values()) {
      try (HttpClient http = HttpClient.newBuilder().version(version).build()) {
        HttpRequest list = HttpRequest.newBuilder(gateway.url().resolve("/v2/sandboxes")).build();
        assertThat(http.send(list, BodyHandlers.discarding()).statusCode()).isEqualTo(401);
      }
    }
    List<String> expressions = Dashboard.expressions();
    assertThat(expressions).hasSizeGreaterThan(20);
    soon(
        () -> {
          List<String> withoutData = new ArrayList<>();
          for (String expression : expressions) {
            if (prometheus.query(expression).isEmpty()) {
              withoutData.add(expression);
            }
          }
          assertThat(withoutData).isEmpty();
          assertThat(number("sum(zcbot_sandboxes_running)")).isEqualTo(1);
          assertThat(number("sum(zcbot_command_seconds_count{reason=\"exited\"})")).isEqualTo(1);
          assertThat(
                  number(
                      "zcbot_gateway_request_seconds_count"
                          + "{call=\"GET /v2/sandboxes\",status=\"401\"}"))
              .isEqualTo(HttpClient.Version.values().length);
          assertThat(number("zcbot_gateway_ready")).isEqualTo(1);
        });
  }

  private double number(String expression) throws Exception {
    JsonNode result = prometheus.query(expression);
    assertThat(result).hasSize(1);
    return result.get(0).get("value").get(1).asDouble();
  }

  @Test
  @Order(4)
  void anAlertFiresOnceTheWorkerIsGone() throws Exception {
    soon(() -> assertThat(prometheus.alerts()).isEmpty());
    worker.kill();
    soon(
        () ->
            assertThat(prometheus.alerts())
                .containsExactlyInAnyOrder(
                    "firing SandboxWorkerDown", "firing SandboxWorkersMissing"));
    for (JsonNode alert : prometheus.get("alerts").get("alerts")) {
      assertThat(alert.get("labels").get("severity").asText()).isEqualTo("page");
      assertThat(alert.get("annotations").get("runbook").asText())
          .startsWith("docs/runbook.md#sandboxworker");
    }
  }
}
