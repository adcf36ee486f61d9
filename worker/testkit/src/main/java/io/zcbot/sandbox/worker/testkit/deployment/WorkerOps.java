/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.deployment;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.net.BindException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;

/** The HTTP endpoints of a worker. */
public final class WorkerOps implements AutoCloseable {
  private static final AtomicInteger NEXT_PORT =
      new AtomicInteger(ThreadLocalRandom.current().nextInt(11_000, 19_000));

  private final HttpClient http = HttpClient.newHttpClient();
  private final int port;

  /** Uses a free port. */
  WorkerOps() throws IOException {
    port = freePort();
  }

  /**
   * A port of the loopback address on which nobody listens. Tests run in parallel, so each port is
   * given out once, and is below the ports that the kernel assigns to clients.
   */
  public static int freePort() throws IOException {
    while (true) {
      int candidate = NEXT_PORT.getAndIncrement();
      try (ServerSocket _ = new ServerSocket(candidate, 1, InetAddress.getLoopbackAddress())) {
        return candidate;
      } catch (BindException _) {
        // In use: the next one.
      }
    }
  }

  public int port() {
    return port;
  }

  String address() {
    return "127.0.0.1:" + port;
  }

  public HttpResponse<String> get(String path) throws Exception {
    return http.send(
        HttpRequest.newBuilder(URI.create("http://" + address() + path))
            .timeout(Duration.ofSeconds(90))
            .build(),
        HttpResponse.BodyHandlers.ofString());
  }

  /**
   * The sum of a metric's series.
   *
   * @param name its name, or one series as the page has it, with its labels
   */
  public double metric(String name) throws Exception {
    return get("/metrics")
        .body()
        .lines()
        .filter(line -> line.startsWith(name + " ") || line.startsWith(name + "{"))
        .mapToDouble(line -> Double.parseDouble(line.substring(line.lastIndexOf(' ') + 1)))
        .sum();
  }

  /** The reasons why the worker reports that it is not ready, by check; empty if it is ready. */
  public Map<String, String> notReadyBecause() throws Exception {
    HttpResponse<String> answer = get("/health/ready");
    JsonNode body = new ObjectMapper().readTree(answer.body());
    Map<String, String> reasons = new HashMap<>();
    for (Map.Entry<String, JsonNode> check : body.get("checks").properties()) {
      if (check.getValue().get("status").asText().equals("failing")) {
        reasons.put(check.getKey(), check.getValue().get("reason").asText());
      }
    }
    assertThat(answer.statusCode()).isEqualTo(reasons.isEmpty() ? 200 : 503);
    return reasons;
  }

  @Override
  public void close() {
    http.close();
  }
}
