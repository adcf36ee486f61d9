/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import io.zcbot.sandbox.worker.http.HttpLimits;
import io.zcbot.sandbox.worker.http.OwnNames;
import io.zcbot.sandbox.worker.ops.Health.Report;
import io.zcbot.sandbox.worker.ops.Health.Status;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves metrics, health and a status page over HTTP. Each request has a platform thread; at most
 * 16 are answered at the same time, others get status 503.
 */
public final class OpsServer implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(OpsServer.class);
  private static final int MAX_AT_ONCE = 16;

  private final InetSocketAddress address;
  private final OwnNames names;
  private final Health health;
  private final Metrics metrics;
  private final Supplier<Map<String, String>> facts;
  private final Semaphore requests = new Semaphore(MAX_AT_ONCE);
  private @Nullable HttpServer server;
  private @Nullable ExecutorService threads;

  private record Answer(int status, String contentType, String body) {}

  /**
   * Creates a server that does not listen yet.
   *
   * @param host the name of this host, to which it answers
   * @param facts supplies what the status page shows, in this order; called for each page
   */
  public OpsServer(
      InetSocketAddress address,
      String host,
      Health health,
      Metrics metrics,
      Supplier<Map<String, String>> facts) {
    this.address = address;
    this.names = OwnNames.forPrograms(address, host);
    this.health = health;
    this.metrics = metrics;
    this.facts = facts;
  }

  /**
   * Starts to listen.
   *
   * @throws IOException if the address can't be used; the message says what to do
   */
  public synchronized void start() throws IOException {
    if (server != null) {
      throw new IllegalStateException("the ops server has already been started");
    }
    HttpLimits.set();
    HttpServer created;
    try {
      created = HttpServer.create(address, 64);
    } catch (IOException e) {
      throw new IOException(
          "could not serve metrics and health on "
              + shown(address)
              + ": "
              + e.getMessage()
              + "; free the address, or set ZCBOT_OPS_ADDRESS to another address or to off",
          e);
    }
    // Platform threads, because on a virtual thread the buffer of the JDK's BufferedWriter, through
    // which the page of metrics is written, starts small, grows by a few characters at a time, and
    // is copied thousands of times.
    ExecutorService executor =
        Executors.newThreadPerTaskExecutor(Thread.ofPlatform().daemon().name("ops-", 0).factory());
    created.setExecutor(executor);
    created.createContext("/", this::handle);
    created.start();
    server = created;
    threads = executor;
    log.info("Serving metrics and health on http://{}", shown(created.getAddress()));
  }

  /** Returns the address on which it listens, with the actual port if the configured one was 0. */
  public synchronized InetSocketAddress address() {
    return server == null ? address : server.getAddress();
  }

  /** Stops listening and interrupts requests; can be called more than once. */
  @Override
  public synchronized void close() {
    if (threads != null) {
      threads.shutdownNow();
      threads = null;
    }
    if (server != null) {
      server.stop(0);
    }
  }

  private void handle(HttpExchange exchange) throws IOException {
    try (exchange) {
      String method = exchange.getRequestMethod();
      if (!method.equals("GET") && !method.equals("HEAD")) {
        exchange.getResponseHeaders().set("Allow", "GET, HEAD");
        send(exchange, text(405, "only GET and HEAD are supported\n"));
      } else if (!names.include(exchange.getRequestHeaders().get("Host"))) {
        send(
            exchange,
            text(
                421,
                "this worker answers to addresses, to names without a dot, and to the names in"
                    + " ZCBOT_HOST and ZCBOT_OPS_ADDRESS; use one of them\n"));
      } else if (!requests.tryAcquire()) {
        send(exchange, text(503, "too many requests at the same time\n"));
      } else {
        try {
          send(exchange, answer(exchange.getRequestURI().getPath()));
        } finally {
          requests.release();
        }
      }
    }
  }

  private Answer answer(@Nullable String path) {
    try {
      return switch (path) {
        case "/" -> text(200, statusPage());
        case "/metrics" -> new Answer(200, Metrics.contentType(), metrics.scrape());
        case "/health/live" -> json(health.liveness());
        case "/health/ready" -> json(health.readiness());
        case null, default ->
            text(
                404,
                "the paths are /metrics, /health/live, /health/ready, and / for a status"
                    + " page\n");
      };
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
      return text(503, "the worker is stopping\n");
    } catch (RuntimeException e) {
      log.warn("Could not answer {}", path, e);
      return text(500, "the request failed, see the worker's log\n");
    }
  }

  private String statusPage() throws InterruptedException {
    StringBuilder page = new StringBuilder("zcbot sandbox worker\n\n");
    facts.get().forEach((name, value) -> page.append(line(name, value)));
    append(page, "live", health.liveness());
    append(page, "ready", health.readiness());
    return page.append("\n/metrics\n/health/live\n/health/ready\n").toString();
  }

  private static void append(StringBuilder page, String name, Report report) {
    page.append('\n').append(line(name, report.isOk() ? "yes" : "NO"));
    report
        .checks()
        .forEach(
            (check, status) ->
                page.append(
                    line(
                        "  " + check,
                        switch (status) {
                          case Status.Ok _ -> "ok";
                          case Status.Warning(String reason) -> "warning: " + reason;
                          case Status.Failing(String reason) -> "FAILING: " + reason;
                        })));
  }

  private static String line(String name, String value) {
    return String.format("%-20s %s%n", name, value);
  }

  private static Answer json(Report report) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("status", report.isOk() ? "ok" : "failing");
    ObjectNode checks = json.putObject("checks");
    report
        .checks()
        .forEach(
            (name, status) -> {
              ObjectNode check = checks.putObject(name);
              switch (status) {
                case Status.Ok _ -> check.put("status", "ok");
                case Status.Warning(String reason) ->
                    check.put("status", "warning").put("reason", reason);
                case Status.Failing(String reason) ->
                    check.put("status", "failing").put("reason", reason);
              }
            });
    return new Answer(report.isOk() ? 200 : 503, "application/json", json + "\n");
  }

  private static Answer text(int status, String body) {
    return new Answer(status, "text/plain; charset=utf-8", body);
  }

  private static void send(HttpExchange exchange, Answer answer) throws IOException {
    byte[] body = answer.body.getBytes(StandardCharsets.UTF_8);
    Headers headers = exchange.getResponseHeaders();
    headers.set("Content-Type", answer.contentType);
    headers.set("Cache-Control", "no-store");
    headers.set("X-Content-Type-Options", "nosniff");
    if (exchange.getRequestMethod().equals("HEAD")) {
      headers.set("Content-Length", Integer.toString(body.length));
      exchange.sendResponseHeaders(answer.status, -1);
    } else {
      exchange.sendResponseHeaders(answer.status, body.length);
      exchange.getResponseBody().write(body);
    }
  }

  private static String shown(InetSocketAddress address) {
    String host =
        address.getAddress() == null
            ? address.getHostString()
            : address.getAddress().getHostAddress();
    return (host.contains(":") ? "[" + host + "]" : host) + ":" + address.getPort();
  }
}
