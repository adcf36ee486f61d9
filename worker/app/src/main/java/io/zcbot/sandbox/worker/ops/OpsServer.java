/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import io.zcbot.sandbox.worker.http.OwnNames;
import io.zcbot.sandbox.worker.http.ReadOnlyServer;
import io.zcbot.sandbox.worker.http.ReadOnlyServer.Answer;
import io.zcbot.sandbox.worker.ops.Health.Report;
import io.zcbot.sandbox.worker.ops.Health.Status;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Serves metrics, health and a status page of a worker or a gateway over HTTP. */
public final class OpsServer implements AutoCloseable {
  private static final Logger log = LoggerFactory.getLogger(OpsServer.class);

  private final String who;
  private final String setting;
  private final InetSocketAddress address;
  private final OwnNames names;
  private final Health health;
  private final Metrics metrics;
  private final Supplier<Map<String, String>> facts;
  private @Nullable ReadOnlyServer server;

  /**
   * Creates the server of a worker, which does not listen yet.
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
    this("worker", "ZCBOT_OPS_ADDRESS", address, host, health, metrics, facts);
  }

  /**
   * Creates a server that does not listen yet.
   *
   * @param who whose metrics and health these are
   * @param setting the setting of its address
   * @param host the name of this host, to which it answers
   * @param facts supplies what the status page shows, in this order; called for each page
   */
  public OpsServer(
      String who,
      String setting,
      InetSocketAddress address,
      String host,
      Health health,
      Metrics metrics,
      Supplier<Map<String, String>> facts) {
    this.who = who;
    this.setting = setting;
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
    try {
      // Platform threads, because on a virtual thread the buffer of the JDK's BufferedWriter,
      // through which the page of metrics is written, starts small, grows by a few characters at a
      // time, and is copied thousands of times.
      server =
          ReadOnlyServer.start(
              address, names, pages, Thread.ofPlatform().daemon().name("ops-", 0).factory());
    } catch (IOException e) {
      throw new IOException(
          "could not serve metrics and health on "
              + shown(address)
              + ": "
              + e.getMessage()
              + "; free the address, or set "
              + setting
              + " to another address or to off",
          e);
    }
    log.info("Serving metrics and health on http://{}", shown(server.address()));
  }

  /** Returns the address on which it listens, with the actual port if the configured one was 0. */
  public synchronized InetSocketAddress address() {
    return server == null ? address : server.address();
  }

  /** Stops listening and interrupts requests; can be called more than once. */
  @Override
  public synchronized void close() {
    if (server != null) {
      server.close();
    }
  }

  private final ReadOnlyServer.Pages pages =
      new ReadOnlyServer.Pages() {
        @Override
        public String namesInWords() {
          return "this "
              + who
              + " answers to addresses, to names without a dot, and to the names in ZCBOT_HOST and "
              + setting
              + "; use one of them";
        }

        @Override
        public void setHeaders(Headers headers) {
          headers.set("Cache-Control", "no-store");
          headers.set("X-Content-Type-Options", "nosniff");
        }

        @Override
        public Answer answer(HttpExchange exchange) throws InterruptedException {
          return switch (exchange.getRequestURI().getPath()) {
            case "/" -> Answer.text(200, statusPage());
            case "/metrics" -> new Answer(200, Metrics.contentType(), metrics.scrape());
            case "/health/live" -> json(health.liveness());
            case "/health/ready" -> json(health.readiness());
            case null, default ->
                Answer.text(
                    404,
                    "the paths are /metrics, /health/live, /health/ready, and / for a status page");
          };
        }
      };

  private String statusPage() throws InterruptedException {
    StringBuilder page = new StringBuilder("zcbot sandbox " + who + "\n\n");
    facts.get().forEach((name, value) -> page.append(line(name, value)));
    append(page, "live", health.liveness());
    append(page, "ready", health.readiness());
    return page.append("\n/metrics\n/health/live\n/health/ready").toString();
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

  private static String shown(InetSocketAddress address) {
    String host =
        address.getAddress() == null
            ? address.getHostString()
            : address.getAddress().getHostAddress();
    return (host.contains(":") ? "[" + host + "]" : host) + ":" + address.getPort();
  }
}
