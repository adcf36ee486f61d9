/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.client.SandboxClient;
import io.zcbot.sandbox.events.Topic;
import io.zcbot.sandbox.gateway.Gateway;
import io.zcbot.sandbox.gateway.GatewayOptions;
import io.zcbot.sandbox.gateway.keys.KeyFile;
import io.zcbot.sandbox.worker.config.GatewayConfig;
import io.zcbot.sandbox.worker.config.WorkerConfig;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Path;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** A gateway with its connection to Kafka, until it is closed. */
public final class RunningGateway implements AutoCloseable {
  private final KafkaLog log;
  private final SandboxClient client;
  private final Gateway gateway;
  private final String url;

  private RunningGateway(KafkaLog log, SandboxClient client, Gateway gateway, String url) {
    this.log = log;
    this.client = client;
    this.gateway = gateway;
    this.url = url;
  }

  /**
   * Starts a gateway.
   *
   * @throws CommandException if the brokers can't be reached, or its directory can't be used
   */
  public static RunningGateway start(WorkerConfig config)
      throws CommandException, InterruptedException {
    KafkaLog log = new KafkaLog(config.kafka());
    SandboxClient client = null;
    Gateway gateway = null;
    try {
      client = log.client(Topic.ENSURE, "gateway");
      gateway = Gateway.start(client, options(config));
      return new RunningGateway(log, client, gateway, url(config.ops().gateway, gateway.port()));
    } catch (IOException e) {
      throw new CommandException(ExitCode.CONFIG, "the gateway: " + e.getMessage(), e);
    } finally {
      if (gateway == null) {
        if (client != null) {
          client.close();
        }
        log.close();
      }
    }
  }

  private static GatewayOptions options(WorkerConfig config) throws CommandException {
    GatewayConfig gateway = config.ops().gateway;
    return new GatewayOptions(
        gateway.address.getAddress().getHostAddress(),
        gateway.address.getPort(),
        KeyFile.in(gateway.directory).path(),
        gateway.directory.resolve("secret"),
        (int) Math.ceil(config.spec().limits().cpus()),
        (int) (config.spec().limits().memoryBytes() >> 20),
        gateway.longestLife,
        config.commands().maxTimeout,
        tls(gateway),
        Set.copyOf(gateway.names));
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
        client) {
      gateway.close();
    }
  }
}
