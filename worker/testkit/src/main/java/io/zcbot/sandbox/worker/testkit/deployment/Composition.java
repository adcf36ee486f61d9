/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.deployment;

import io.zcbot.sandbox.worker.testkit.machine.Commands;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;

/**
 * The services of compose.yaml, started by {@code docker compose} itself, so that nothing here can
 * differ from it: Kafka, and one worker after another from the jars just packaged. Names and ports
 * are its own.
 */
public final class Composition {
  private static final Path REPOSITORY = Path.of("../..").toAbsolutePath().normalize();

  /** Building the image is quick where bin/lib/setup.sh had its base made. */
  private static final Duration LIMIT = Duration.ofMinutes(4);

  private final String project = "zcbot-it-" + UUID.randomUUID().toString().substring(0, 8);
  private final String image = "zcbot-worker:" + project;
  private final int kafkaPort = WorkerOps.freePort();
  private final int consolePort = WorkerOps.freePort();
  private final int gatewayPort = WorkerOps.freePort();
  private final int gatewayOpsPort = WorkerOps.freePort();
  private final Path directory;
  private Map<String, String> ofWorker = Map.of();
  private List<String> files = List.of("compose.yaml");

  /**
   * Builds the worker's image and starts Kafka.
   *
   * @param directory for files
   */
  public Composition(Path directory) throws IOException, InterruptedException {
    this.directory = directory;
    try {
      // The stage without a trained cache: training takes jars that are packaged after these tests.
      Path stage = directory.resolve("stage.yaml");
      Files.writeString(stage, "services:\n  worker:\n    build:\n      target: worker\n");
      files = List.of("compose.yaml", stage.toString());
      compose("build", "worker");
      compose("up", "--detach", "--wait", "kafka");
    } catch (IOException | InterruptedException e) {
      close();
      throw e;
    }
  }

  private Composition(Path directory, Map<String, String> settings, List<String> files)
      throws IOException {
    this.directory = directory;
    this.ofWorker = settings;
    this.files = files;
  }

  /**
   * Starts Kafka alone.
   *
   * @param settings what the files take from the environment
   * @param files in place of compose.yaml alone
   */
  public static Composition ofKafka(Path directory, Map<String, String> settings, String... files)
      throws IOException, InterruptedException {
    Composition composition = new Composition(directory, settings, List.of(files));
    try {
      composition.compose("up", "--detach", "--wait", "kafka");
      return composition;
    } catch (IOException | InterruptedException e) {
      composition.close();
      throw e;
    }
  }

  /** The whole configuration in the files, as JSON. */
  public String config() throws IOException, InterruptedException {
    return compose("config", "--format", "json");
  }

  public String bootstrapServers() {
    return "127.0.0.1:" + kafkaPort;
  }

  /**
   * Starts the worker of a deployment.
   *
   * @param changes lines of the service, in place of those in the files
   * @param more files on top of compose.yaml
   * @return its container's id
   */
  public String start(Deployment deployment, String changes, String... more)
      throws IOException, InterruptedException {
    Map<String, String> environment = new HashMap<>(deployment.environment("compose"));
    environment.remove("ZCBOT_STOP_TIMEOUT"); // compose.yaml's own fits its grace period
    ofWorker =
        Map.of(
            "OPS_PORT", String.valueOf(deployment.ops().port()),
            "ZCBOT_TOPIC_PREFIX", environment.get("ZCBOT_TOPIC_PREFIX"),
            "ZCBOT_WORKSPACE_ROOT", deployment.workspaces().toString());
    Path settings = directory.resolve("settings.yaml");
    Files.writeString(
        settings,
        "services:\n  worker:\n    environment:\n"
            + environment.entrySet().stream()
                .filter(setting -> !isOfTheFiles(setting.getKey()))
                .map(setting -> "      %s: '%s'\n".formatted(setting.getKey(), setting.getValue()))
                .collect(Collectors.joining())
            + changes.indent(4));
    files = new ArrayList<>(List.of("compose.yaml"));
    files.addAll(List.of(more));
    files.add(settings.toString());
    compose("up", "--detach", "worker");
    return compose("ps", "--all", "--quiet", "worker").strip();
  }

  /** Starts the demo beside the worker, and the console, which it waits for. */
  public void startDemo() throws IOException, InterruptedException {
    compose("--profile", "demo", "up", "--detach", "demo");
  }

  /** The output of the demo's command so far. */
  public String demoLog() throws IOException, InterruptedException {
    return compose("logs", "--no-color", "--no-log-prefix", "demo");
  }

  public URI console() {
    return URI.create("http://127.0.0.1:" + consolePort);
  }

  /**
   * Starts the gateway beside the worker.
   *
   * @return its container's id
   */
  public String startGateway() throws IOException, InterruptedException {
    compose("up", "--detach", "--no-deps", "gateway");
    return compose("ps", "--all", "--quiet", "gateway").strip();
  }

  /** Makes a key for the gateway, with the command that compose.yaml names. */
  public String addKey(String tenant) throws IOException, InterruptedException {
    return compose("run", "--rm", "--no-deps", "gateway", "key", "add", tenant)
        .lines()
        .filter(line -> line.startsWith("e2b_"))
        .findFirst()
        .orElseThrow();
  }

  public URI gateway() {
    return URI.create("http://127.0.0.1:" + gatewayPort);
  }

  /** Whether compose.yaml sets it: how the worker reaches other services, and where it runs. */
  private static boolean isOfTheFiles(String setting) {
    return List.of(
            "ZCBOT_HOST",
            "ZCBOT_KAFKA_BOOTSTRAP_SERVERS",
            "ZCBOT_OPS_ADDRESS",
            "ZCBOT_WORKSPACE_ROOT")
        .contains(setting);
  }

  /** Stops the worker as an operator does, with SIGTERM and a grace period. */
  public void stop() throws IOException, InterruptedException {
    compose("stop", "worker");
  }

  /** Removes the worker's container and what the demo started; the worker's log stays in a file. */
  public void remove() throws IOException, InterruptedException {
    Path log = Path.of("target", "worker-container.log");
    Files.writeString(log, compose("logs", "--no-color", "worker"));
    compose("--profile", "demo", "rm", "--stop", "--force", "worker", "console", "gateway", "demo");
  }

  private String compose(String... words) throws IOException, InterruptedException {
    Commands.Result result = tryCompose(words);
    if (result.exitCode() != 0) {
      throw new IOException(
          "tried 'docker compose %s', failed with %s"
              .formatted(String.join(" ", words), result.output()));
    }
    return result.output();
  }

  private Commands.Result tryCompose(String... words) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("docker", "compose", "-p", project));
    files.forEach(file -> command.addAll(List.of("-f", file)));
    command.addAll(List.of(words));
    ProcessBuilder process = new ProcessBuilder(command).directory(REPOSITORY.toFile());
    process
        .environment()
        .keySet()
        .removeIf(key -> key.startsWith("ZCBOT_") || key.equals("KAFKA_BOOTSTRAP_SERVERS"));
    process.environment().putAll(ofWorker);
    process.environment().put("GATEWAY_OPS_PORT", String.valueOf(gatewayOpsPort));
    process
        .environment()
        .putAll(
            Map.of(
                "KAFKA_IMAGE",
                KafkaForTests.IMAGE,
                "KAFKA_PORT",
                String.valueOf(kafkaPort),
                "CONSOLE_PORT",
                String.valueOf(consolePort),
                "GATEWAY_PORT",
                String.valueOf(gatewayPort),
                "WORKER_IMAGE",
                image,
                "WORKER_JARS",
                "local"));
    return Commands.tryRun(process, LIMIT);
  }

  public void close() throws IOException, InterruptedException {
    Commands.Result down = tryCompose("down", "--volumes", "--remove-orphans", "--timeout", "5");
    Commands.tryRun("docker", "image", "rm", image);
    if (down.exitCode() != 0) {
      throw new IOException("tried to clear away " + project + ", failed with " + down.output());
    }
  }
}
