/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.it;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.zcbot.sandbox.worker.cli.Cli;
import io.zcbot.sandbox.worker.cli.Console;
import io.zcbot.sandbox.worker.security.Row;
import io.zcbot.sandbox.worker.testkit.deployment.Composition;
import io.zcbot.sandbox.worker.testkit.machine.Commands;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.errors.SaslAuthenticationException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.serialization.StringSerializer;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

/** Kafka as compose.sasl.yaml starts it serves nobody without a password. */
@Tag("engine")
@Tag("kafka")
@Tag("compose")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class SecureCompositionIT {
  private static final int SECONDS = 60;
  private static final Duration ANSWERED = Duration.ofSeconds(30);
  private static final Duration UNANSWERED = Duration.ofSeconds(5);

  private Composition composition;

  @BeforeAll
  void start(@TempDir Path directory) throws Exception {
    composition =
        Composition.ofKafka(
            directory,
            Map.of(
                "KAFKA_ADMIN_PASSWORD", "ofAdmin1",
                "KAFKA_WORKER_PASSWORD", "ofWorker2",
                "KAFKA_AGENT_PASSWORD", "ofAgent3",
                "KAFKA_CONSOLE_PASSWORD", "ofConsole4",
                "KAFKA_GATEWAY_PASSWORD", "ofGateway5"),
            "compose.yaml",
            "compose.sasl.yaml");
  }

  @AfterAll
  void leaveNothing() throws Exception {
    if (composition != null) {
      composition.close();
    }
  }

  private Map<String, Object> client(String user, String password) {
    return new HashMap<>(
        Map.of(
            "bootstrap.servers",
            composition.bootstrapServers(),
            "security.protocol",
            "SASL_PLAINTEXT",
            "sasl.mechanism",
            "PLAIN",
            "sasl.jaas.config",
            "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"%s\""
                    .formatted(user)
                + " password=\"%s\";".formatted(password)));
  }

  private static String cluster(Map<String, Object> client, Duration within) throws Exception {
    client.put("request.timeout.ms", Long.toString(within.dividedBy(2).toMillis()));
    client.put("default.api.timeout.ms", Long.toString(within.toMillis()));
    try (Admin admin = Admin.create(client)) {
      return admin.describeCluster().clusterId().get(SECONDS, TimeUnit.SECONDS);
    }
  }

  @Row(63)
  @Test
  void nobodyIsServedWithoutAPassword() throws Exception {
    assertThat(cluster(client("admin", "ofAdmin1"), ANSWERED)).isNotBlank();
    assertThatThrownBy(() -> cluster(client("admin", "ofWorker2"), ANSWERED))
        .hasCauseInstanceOf(SaslAuthenticationException.class);
    assertThatThrownBy(
            () ->
                cluster(
                    new HashMap<>(Map.of("bootstrap.servers", composition.bootstrapServers())),
                    UNANSWERED))
        .hasCauseInstanceOf(TimeoutException.class);
  }

  /** The configuration that Compose makes of the files and an .env file with all passwords. */
  private static JsonNode services(Path directory, String... files) throws Exception {
    Files.writeString(
        directory.resolve(".env"),
        """
        KAFKA_ADMIN_PASSWORD=ofAdmin1
        KAFKA_WORKER_PASSWORD=ofWorker2
        KAFKA_AGENT_PASSWORD=ofAgent3
        KAFKA_CONSOLE_PASSWORD=ofConsole4
        KAFKA_GATEWAY_PASSWORD=ofGateway5
        ZCBOT_SANDBOX_MEMORY=1g
        ZCBOT_KAFKA_CLIENT_DNS_LOOKUP=use_all_dns_ips
        """);
    List<String> command = new ArrayList<>(List.of("docker", "compose", "--profile", "demo"));
    for (String file : files) {
      Files.copy(Path.of("../..", file), directory.resolve(file));
      command.addAll(List.of("-f", file));
    }
    command.addAll(List.of("config", "--format", "json"));
    ProcessBuilder compose = new ProcessBuilder(command).directory(directory.toFile());
    compose.environment().keySet().removeIf(key -> key.matches("(ZCBOT|KAFKA)_.*"));
    Commands.Result result = Commands.tryRun(compose, Duration.ofMinutes(2));
    assertThat(result.exitCode()).as(result.output()).isZero();
    return new JsonMapper().readTree(result.output()).path("services");
  }

  @Row(74)
  @Test
  void eachServiceHasItsOwnPasswordForKafkaOnly(@TempDir Path directory) throws Exception {
    JsonNode services = services(directory, "compose.yaml", "compose.sasl.yaml");
    Map<String, String> own =
        Map.of(
            "worker",
            "ofWorker2",
            "console",
            "ofConsole4",
            "gateway",
            "ofGateway5",
            "demo",
            "ofAgent3");
    own.forEach(
        (service, password) -> {
          String environment = services.path(service).path("environment").toString();
          assertThat(environment).as(service).contains(password);
          assertThat(List.of("ofAdmin1", "ofWorker2", "ofAgent3", "ofConsole4", "ofGateway5"))
              .as("of others, that %s has", service)
              .filteredOn(each -> !each.equals(password))
              .noneMatch(environment::contains);
        });
    String kafka = services.path("kafka").path("environment").path("KAFKA_SUPER_USERS").asText();
    assertThat(kafka).doesNotContain("console", "agent", "gateway");
    assertThat(services.path("worker").path("environment").path("ZCBOT_SANDBOX_MEMORY").asText())
        .as("the worker's settings, which the .env file is for")
        .isEqualTo("1g");
  }

  /** With the settings of the worker's service, which creates its topics. */
  @Test
  void aWorkerIsServedAndAllOthersMayDoNothingYet() throws Exception {
    JsonNode service =
        new JsonMapper().readTree(composition.config()).at("/services/worker/environment");
    Map<String, String> settings = new HashMap<>();
    service.properties().forEach(each -> settings.put(each.getKey(), each.getValue().asText()));
    settings.put("ZCBOT_KAFKA_BOOTSTRAP_SERVERS", composition.bootstrapServers());
    settings.put("ZCBOT_KAFKA_DEFAULT_API_TIMEOUT_MS", "60000"); // as in CliProcess
    StringWriter said = new StringWriter();
    PrintWriter to = new PrintWriter(said, true);
    int exitCode =
        Cli.commandLine(new Console(settings, to, to, false)).execute("topics", "create");
    assertThat(exitCode).as(said.toString()).isZero();

    mayNotWrite("agent", "ofAgent3");
    mayNotWrite("console", "ofConsole4");
    mayNotWrite("gateway", "ofGateway5");
  }

  private void mayNotWrite(String user, String password) {
    try (KafkaProducer<String, String> producer =
        new KafkaProducer<>(
            client(user, password), new StringSerializer(), new StringSerializer())) {
      assertThatThrownBy(() -> producer.send(new ProducerRecord<>("sandbox.exec", "k", "v")).get())
          .as(user)
          .isInstanceOf(ExecutionException.class)
          .hasCauseInstanceOf(TopicAuthorizationException.class);
    }
  }
}
