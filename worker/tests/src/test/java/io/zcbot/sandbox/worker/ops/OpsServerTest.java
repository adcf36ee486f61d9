/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ops;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.worker.security.Row;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class OpsServerTest {
  private final Health health = new Health();
  private final Metrics metrics = new Metrics();
  private final OpsServer server =
      new OpsServer(
          new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
          "host-1.example.com",
          health,
          metrics,
          () -> Map.of("worker", "w1"));
  private final HttpClient http = HttpClient.newHttpClient();

  @BeforeEach
  void start() throws Exception {
    server.start();
  }

  @AfterEach
  void stop() {
    server.close();
    metrics.close();
    http.close();
  }

  private HttpResponse<String> send(String method, String path) throws Exception {
    return http.send(
        HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + server.address().getPort() + path))
            .method(method, HttpRequest.BodyPublishers.noBody())
            .build(),
        HttpResponse.BodyHandlers.ofString());
  }

  @Test
  void healthIsJsonWithReasons() throws Exception {
    AtomicReference<@Nullable String> kafka = new AtomicReference<>("no \"broker\" answers");
    health.live("loop", () -> null);
    health.ready("kafka", kafka::get);
    health.ready("engine", () -> null);

    HttpResponse<String> live = send("GET", "/health/live");
    assertThat(live.statusCode()).isEqualTo(200);
    assertThat(live.body())
        .isEqualTo("{\"status\":\"ok\",\"checks\":{\"loop\":{\"status\":\"ok\"}}}\n");
    assertThat(live.headers().firstValue("Content-Type")).hasValue("application/json");

    HttpResponse<String> ready = send("GET", "/health/ready");
    assertThat(ready.statusCode()).isEqualTo(503);
    assertThat(ready.body())
        .isEqualTo(
            "{\"status\":\"failing\",\"checks\":{\"engine\":{\"status\":\"ok\"},"
                + "\"kafka\":{\"status\":\"failing\",\"reason\":\"no \\\"broker\\\""
                + " answers\"}}}\n");

    kafka.set(null);
    assertThat(send("GET", "/health/ready").statusCode()).isEqualTo(200);
  }

  @Test
  void aWarningIsReportedAndLeavesTheWorkerReady() throws Exception {
    health.warning("engine-runc", () -> "an old one");
    HttpResponse<String> ready = send("GET", "/health/ready");
    assertThat(ready.statusCode()).isEqualTo(200);
    assertThat(ready.body())
        .isEqualTo(
            "{\"status\":\"ok\",\"checks\":{\"engine-runc\":"
                + "{\"status\":\"warning\",\"reason\":\"an old one\"}}}\n");
    assertThat(send("GET", "/").body()).contains("  engine-runc        warning: an old one\n");
  }

  @Test
  void metricsArePrometheusText() throws Exception {
    health.ready("kafka", () -> null);
    metrics.bindHealth(health);
    HttpResponse<String> answer = send("GET", "/metrics");
    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.headers().firstValue("Content-Type"))
        .hasValue("text/plain; version=0.0.4; charset=utf-8");
    assertThat(answer.body()).contains("# TYPE zcbot_health_failing gauge");
  }

  @Test
  void theStatusPageTellsWhatRunsAndHow() throws Exception {
    health.ready("engine", () -> "ping: refused");
    HttpResponse<String> answer = send("GET", "/");
    assertThat(answer.statusCode()).isEqualTo(200);
    assertThat(answer.body())
        .contains("worker               w1\n")
        .contains("live                 yes\n")
        .contains("ready                NO\n")
        .contains("  engine             FAILING: ping: refused\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"/", "/metrics", "/health/live", "/health/ready"})
  void headIsGetWithoutABody(String path) throws Exception {
    metrics.bindLanes(() -> 0);
    HttpResponse<String> head = send("HEAD", path);
    assertThat(head.statusCode()).isEqualTo(200);
    assertThat(head.body()).isEmpty();
    assertThat(head.headers().firstValueAsLong("Content-Length").orElse(0)).isPositive();
  }

  @ParameterizedTest
  @ValueSource(strings = {"/nothing", "/metricsx", "/metrics/", "/health", "/health/", "/%2e%2e/x"})
  void anythingElseIsNotFound(String path) throws Exception {
    assertThat(send("GET", path).statusCode()).isEqualTo(404);
  }

  @ParameterizedTest
  @ValueSource(strings = {"POST", "PUT", "DELETE", "OPTIONS", "BREW"})
  void onlyReadingIsAllowed(String method) throws Exception {
    HttpResponse<String> answer = send(method, "/metrics");
    assertThat(answer.statusCode()).isEqualTo(405);
    assertThat(answer.headers().firstValue("Allow")).hasValue("GET, HEAD");
  }

  @Test
  void aSupplierThatThrowsIsA500AndTheServerLives() throws Exception {
    metrics.bindOpenRecords(
        () -> {
          throw new IllegalStateException("expected by the test");
        });
    assertThat(send("GET", "/metrics").statusCode()).isEqualTo(500);
    assertThat(send("GET", "/health/live").statusCode()).isEqualTo(200);
  }

  /** A page of another site, whose name is made to resolve to this address, would read all. */
  @ParameterizedTest
  @CsvSource({
    "evil.example, 421",
    "evil.example:8080, 421",
    "127.0.0.1.evil.example, 421",
    "127.0.0.1:8080, 200",
    "10.1.2.3:8080, 200",
    "[fd00::7]:8080, 200",
    "localhost, 200",
    "worker:8080, 200",
    "HOST-1.example.com:8080, 200",
    ", 200"
  })
  @Row(73)
  void namesThatSitesCanHaveAreRefused(@Nullable String host, int status) throws Exception {
    assertThat(raw("GET /metrics HTTP/1.0\r\n" + (host == null ? "" : "Host: " + host + "\r\n")))
        .startsWith("HTTP/1.1 " + status + " ");
  }

  private String raw(String request) throws IOException {
    try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.address().getPort())) {
      socket.getOutputStream().write((request + "Connection: close\r\n\r\n").getBytes(UTF_8));
      return new String(socket.getInputStream().readAllBytes(), UTF_8);
    }
  }

  @Test
  void closingTwiceIsFineAndFreesThePort() throws Exception {
    InetSocketAddress address = server.address();
    server.close();
    server.close();
    try (OpsServer next = new OpsServer(address, "h", health, metrics, Map::of)) {
      next.start();
      assertThat(next.address()).isEqualTo(address);
    }
  }

  @Test
  void aTakenPortIsAClearError() {
    try (OpsServer second = new OpsServer(server.address(), "h", health, metrics, Map::of)) {
      assertThatThrownBy(second::start)
          .isInstanceOf(IOException.class)
          .hasMessage(
              "could not serve metrics and health on 127.0.0.1:"
                  + server.address().getPort()
                  + ": Address already in use; free the address, or set ZCBOT_OPS_ADDRESS to"
                  + " another address or to off");
    }
  }

  /** The server must not hold what a client goes on sending. */
  @ParameterizedTest
  @ValueSource(strings = {"GET /", "GET / HTTP/1.1\r\nX: ", "GET / HTTP/1.1\r\n"})
  void aRequestWithoutEndIsCutOff(String beginning) throws Exception {
    byte[] more = (beginning.endsWith("\n") ? "X: y\r\n" : "xxxxxx").repeat(1000).getBytes(UTF_8);
    long sent = 0;
    try (Socket client = new Socket(server.address().getAddress(), server.address().getPort())) {
      client.setSoTimeout(5000);
      client.getOutputStream().write(beginning.getBytes(UTF_8));
      while (sent < 32L << 20) {
        client.getOutputStream().write(more);
        sent += more.length;
      }
    } catch (SocketException _) {
      // Closed by the server.
    }
    assertThat(sent).isLessThan(8L << 20);
    assertThat(send("GET", "/health/live").statusCode()).isEqualTo(200);
  }
}
