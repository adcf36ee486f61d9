/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.helidon.http.HttpException;
import io.helidon.http.Method;
import io.helidon.http.Status;
import io.helidon.webserver.WebServer;
import io.helidon.webserver.WebServerConfig;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.ServerResponse;
import io.helidon.webserver.http1.Http1Config;
import io.helidon.webserver.http1.Http1ConnectionSelector;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.zcbot.sandbox.client.SandboxClient;
import io.zcbot.sandbox.client.SandboxException;
import io.zcbot.sandbox.client.SandboxTable;
import io.zcbot.sandbox.gateway.e2b.Brokers;
import io.zcbot.sandbox.gateway.e2b.E2b;
import io.zcbot.sandbox.gateway.keys.AccessTokens;
import io.zcbot.sandbox.gateway.keys.ApiKeys;
import io.zcbot.sandbox.gateway.keys.KeyFile;
import io.zcbot.sandbox.gateway.mcp.Mcp;
import io.zcbot.sandbox.gateway.ports.Ports;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.logging.Level;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves E2B's interface over HTTP. It keeps nothing: what is known of sandboxes and commands is on
 * the log, so that a gateway can be killed, and several can serve behind one balancer.
 */
public final class Gateway implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(Gateway.class);

  /** Kept, so that its level is. */
  private static final java.util.logging.Logger HELIDON =
      java.util.logging.Logger.getLogger("io.helidon");

  /** Tells of each connection that ends within a request, which a client can do at will. */
  private static final java.util.logging.Logger CONNECTIONS =
      java.util.logging.Logger.getLogger("io.helidon.webserver.ConnectionHandler");

  /**
   * The table of current sandboxes may take so much memory: some 30,000 sandboxes, or 5,000 whose
   * metadata and variables are as long as they may be.
   */
  private static final long TABLE_BYTES = 48 << 20;

  private static final Duration START = Duration.ofSeconds(30);
  private static final Duration IDLE = Duration.ofMinutes(10);

  private final WebServer server;
  private final Ports ports;
  private final SandboxTable table;
  private final Brokers brokers;

  private Gateway(WebServer server, Ports ports, SandboxTable table, Brokers brokers) {
    this.server = server;
    this.ports = ports;
    this.table = table;
    this.brokers = brokers;
  }

  /**
   * Starts to listen, once the table of current sandboxes was read.
   *
   * @param client is not closed with the gateway
   * @throws IOException if the files of keys or the secret can't be read, or the brokers don't
   *     answer
   */
  public static Gateway start(SandboxClient client, GatewayOptions options)
      throws IOException, InterruptedException {
    return start(client, options, new SimpleMeterRegistry());
  }

  /**
   * Starts as {@link #start(SandboxClient, GatewayOptions)} does.
   *
   * @param registry gets the gateway's metrics
   */
  public static Gateway start(SandboxClient client, GatewayOptions options, MeterRegistry registry)
      throws IOException, InterruptedException {
    HELIDON.setLevel(Level.WARNING); // its start and stop are told here
    CONNECTIONS.setLevel(Level.SEVERE);
    ApiKeys keys = new ApiKeys(new KeyFile(options.keys()), System::nanoTime);
    AccessTokens tokens = AccessTokens.of(options.secret());
    SandboxTable table = E2b.table(client, TABLE_BYTES);
    Brokers brokers = null;
    Ports ports;
    boolean isStarted = false;
    try {
      if (!table.awaitCurrent(START)) {
        throw new IOException(
            "the table of current sandboxes can't be read: check the brokers' address, and that"
                + " this principal may read it ('sandbox topics --acls')");
      }
      brokers = new Brokers(table);
      E2b e2b = new E2b(client, table, brokers, keys, tokens, options);
      ports = new Ports(e2b::exposed, client, options.longestCommand());
      RequestBounds bounds = RequestBounds.ofGateway();
      HttpRouting.Builder routing =
          HttpRouting.builder()
              .addFilter(new RequestMetrics(registry))
              .addFilter(bounds)
              .addFilter(ports) // which sandboxes' servers answer, HEAD as well
              .addFilter(
                  (chain, request, response) -> {
                    if (request.prologue().method().equals(Method.HEAD)) {
                      // The server would send the body of an answer, and the client take it for
                      // the next one.
                      response.status(Status.METHOD_NOT_ALLOWED_405).send();
                    } else {
                      chain.proceed();
                    }
                  })
              .error(
                  HttpException.class,
                  (request, response, e) -> answer(response, e.status(), e.getMessage()))
              .error(
                  SandboxException.class, // the table is too large, or refused
                  (request, response, e) -> {
                    log.warn(
                        "{} {} failed: {}",
                        request.prologue().method(),
                        request.path(),
                        e.getMessage());
                    response.header("Retry-After", "1");
                    answer(response, Status.SERVICE_UNAVAILABLE_503, e.getMessage());
                  })
              .error(
                  RuntimeException.class,
                  (request, response, e) -> {
                    log.error("{} {} failed", request.prologue().method(), request.path(), e);
                    answer(
                        response,
                        Status.INTERNAL_SERVER_ERROR_500,
                        "an error in the gateway; its log has it");
                  });
      Gauge.builder("zcbot.gateway.table.used", table, used -> (double) used.bytes() / TABLE_BYTES)
          .description("Share of the memory for the table of current sandboxes that it takes")
          .strongReference(true)
          .register(registry);
      e2b.routes(routing);
      new Mcp(keys, e2b.named(), options).routes(routing);
      TlsFiles tls =
          options.tls() == null
              ? null
              : new TlsFiles(options.tls().certificate(), options.tls().key());
      WebServerConfig.Builder builder = WebServer.builder();
      bounds.set(builder);
      if (tls != null) {
        builder.tls(tls.read());
      }
      WebServer server =
          builder
              .host(options.host())
              .port(options.port())
              .shutdownHook(false)
              .idleConnectionTimeout(IDLE)
              // By default, each message of a stream waits until the client's kernel has
              // acknowledged the one before, up to 40 ms.
              .connectionOptions(socket -> socket.tcpNoDelay(true))
              .contentEncoding(
                  encoding ->
                      encoding
                          .contentEncodingsDiscoverServices(false)
                          .addContentEncoding(new GzipBodies()))
              .addConnectionSelector(
                  Http1ConnectionSelector.builder()
                      .config(Http1Config.builder().addReceiveListener(bounds).build())
                      .addUpgrader(ports)
                      .build())
              .routing(routing)
              .build()
              .start();
      if (tls != null) {
        tls.follow(server);
      }
      isStarted = true;
      log.info(
          "listens at {}:{} {} TLS, {} keys",
          options.host(),
          server.port(),
          tls == null ? "without" : "with",
          keys.size());
      return new Gateway(server, ports, table, brokers);
    } catch (SandboxException e) { // the brokers refuse to show the table
      throw new IOException(e.getMessage(), e);
    } finally {
      if (!isStarted) {
        if (brokers != null) {
          brokers.close();
        }
        table.close();
      }
    }
  }

  private static void answer(ServerResponse response, Status status, @Nullable String message) {
    ObjectNode body =
        JsonNodeFactory.instance
            .objectNode()
            .put("code", status.code())
            .put("message", message == null ? status.reasonPhrase() : message);
    response.status(status).header("Content-Type", "application/json").send(body.toString());
  }

  /** Returns why it can't serve at the moment, as it is known; empty while it can. */
  public Optional<String> problem() {
    return brokers.problem();
  }

  /** Returns the port at which it listens. */
  public int port() {
    return server.port();
  }

  /** Stops to listen. Commands and sandboxes go on. */
  @Override
  public void close() {
    ports.close();
    server.stop();
    brokers.close();
    table.close();
  }
}
