/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.micrometer.core.instrument.Gauge;
import io.zcbot.sandbox.client.MicrometerMetrics;
import io.zcbot.sandbox.client.SandboxClient;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.gateway.Gateway;
import io.zcbot.sandbox.gateway.GatewayOptions;
import io.zcbot.sandbox.gateway.keys.KeyFile;
import io.zcbot.sandbox.worker.config.GatewayConfig;
import io.zcbot.sandbox.worker.config.KafkaConfig;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import io.zcbot.sandbox.worker.ops.Health;
import io.zcbot.sandbox.worker.ops.Metrics;
import io.zcbot.sandbox.worker.ops.OpsServer;
import io.zcbot.sandbox.worker.spec.Profile;
import io.zcbot.sandbox.worker.spec.Profiles;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** A gateway with its connection to Kafka, until it is closed. */
public final class RunningGateway implements AutoCloseable {
  private final KafkaLog log;
  private final SandboxClient client;
  private final Gateway gateway;
  private final Metrics metrics;
  private final @Nullable OpsServer ops;
  private final String url;

  private RunningGateway(
      KafkaLog log,
      SandboxClient client,
      Gateway gateway,
      Metrics metrics,
      @Nullable OpsServer ops,
      String url) {
    this.log = log;
    this.client = client;
    this.gateway = gateway;
    this.metrics = metrics;
    this.ops = ops;
    this.url = url;
  }

  /**
   * Starts a gateway.
   *
   * @throws CommandException if the brokers can't be reached, or its directory can't be used
   */
  public static RunningGateway start(WorkerConfig config)
      throws CommandException, InterruptedException {
    KafkaLog log = new KafkaLog(kafka(config.kafka()));
    Metrics metrics = new Metrics();
    SandboxClient client = null;
    Gateway gateway = null;
    RunningGateway running = null;
    try {
      client = log.client(Topic.ENSURE, "gateway", MicrometerMetrics.on(metrics.registry()));
      gateway = Gateway.start(client, options(config), metrics.registry());
      OpsServer ops = ops(config, gateway, metrics);
      running =
          new RunningGateway(
              log, client, gateway, metrics, ops, url(config.ops().gateway, gateway.port()));
      return running;
    } catch (IOException e) {
      throw new CommandException(ExitCode.CONFIG, "the gateway: " + e.getMessage(), e);
    } finally {
      if (running == null) {
        if (gateway != null) {
          gateway.close();
        }
        if (client != null) {
          client.close();
        }
        metrics.close();
        log.close();
      }
    }
  }

  /** Serves metrics and health, unless they are off. */
  private static @Nullable OpsServer ops(WorkerConfig config, Gateway gateway, Metrics metrics)
      throws IOException {
    InetSocketAddress address = config.ops().gateway.opsAddress;
    if (address == null) {
      return null;
    }
    metrics.bindProcess();
    Gauge.builder("zcbot.gateway.ready", gateway, running -> running.problem().isEmpty() ? 1 : 0)
        .description("1 while the gateway can read Kafka's topics")
        .strongReference(true)
        .register(metrics.registry());
    Health health = new Health();
    health.ready("kafka", () -> gateway.problem().orElse(null));
    OpsServer ops =
        new OpsServer(
            "gateway",
            "ZCBOT_GATEWAY_OPS_ADDRESS",
            address,
            config.host(),
            health,
            metrics,
            () -> Map.of("address", url(config.ops().gateway, gateway.port())));
    ops.start();
    return ops;
  }

  /**
   * Another user's answers may be in partitions that the client does not read yet, which it begins
   * once brokers have answered the fetch before. A gateway has new users all the time.
   */
  private static KafkaConfig kafka(KafkaConfig config) {
    Map<String, String> properties = new HashMap<>(config.properties());
    properties.putIfAbsent("fetch.max.wait.ms", "20");
    return new KafkaConfig(
        properties,
        config.groupId(),
        config.topicPrefix(),
        config.createTopics(),
        config.partitions(),
        config.replicationFactor());
  }

  private static GatewayOptions options(WorkerConfig config) throws CommandException {
    GatewayConfig gateway = config.ops().gateway;
    return new GatewayOptions(
        gateway.address.getAddress().getHostAddress(),
        gateway.address.getPort(),
        KeyFile.in(gateway.directory).path(),
        gateway.directory.resolve("secret"),
        gateway.domain,
        (int) Math.ceil(config.spec().limits().cpus()),
        (int) (config.spec().limits().memoryBytes() >> 20),
        gateway.longestLife,
        config.commands().maxTimeout,
        tls(gateway),
        Set.copyOf(gateway.names),
        config.profilesFile() == null ? null : sizes(config.profiles()));
  }

  private static Map<String, GatewayOptions.Size> sizes(Profiles profiles) {
    return profiles.all().stream()
        .collect(
            Collectors.toMap(
                Profile::name,
                each ->
                    new GatewayOptions.Size(
                        (int) Math.ceil(each.spec().limits().cpus()),
                        (int) (each.spec().limits().memoryBytes() >> 20))));
  }

  private static GatewayOptions.@Nullable TlsPaths tls(GatewayConfig gateway)
      throws CommandException {
    Path certificate = gateway.tlsCertificate;
    Path key = gateway.tlsKey;
    if (certificate != null && key != null) {
      return new GatewayOptions.TlsPaths(certificate, key);
    }
    if (certificate != null || key != null) {
      throw new CommandException(
          ExitCode.CONFIG,
          "ZCBOT_GATEWAY_TLS_CERTIFICATE and ZCBOT_GATEWAY_TLS_KEY belong together; set both or"
              + " neither",
          null);
    }
    return null;
  }

  private static String url(GatewayConfig config, int port) {
    String host = config.address.getAddress().getHostAddress();
    return (config.tlsKey == null ? "http://" : "https://")
        + (host.contains(":") ? "[" + host + "]" : host)
        + ":"
        + port;
  }

  /** Returns the address at which it is reached. */
  public URI url() {
    return URI.create(url);
  }

  /** Says how a program reaches it, in lines for a person. */
  public String greeting() {
    return """
        the gateway is at %1$s; programs that use E2B's SDKs need
          E2B_API_URL=%1$s E2B_SANDBOX_URL=%1$s E2B_API_KEY=..."""
        .formatted(url);
  }

  /** Stops to listen, then disconnects. */
  @Override
  public void close() {
    try (log;
        client;
        metrics) {
      if (ops != null) {
        ops.close();
      }
      gateway.close();
    }
  }
}
