/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.zcbot.sandbox.client.TestBed;
import io.zcbot.sandbox.gateway.keys.KeyFile;
import io.zcbot.sandbox.worker.cli.Main;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.zip.CRC32;
import java.util.zip.CheckedInputStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.condition.EnabledIfEnvironmentVariable;
import org.junit.jupiter.api.io.TempDir;

/**
 * What fails around a gateway: its own process, and the brokers. The gateways are processes of
 * {@code sandbox gateway}, since those of GatewayIT can't be killed.
 */
@Tag("engine")
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class GatewayFailuresIT {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final HttpClient HTTP = HttpClient.newHttpClient();

  /** Long, since processes start while other tests run. */
  private static final Duration SOON = Duration.ofMinutes(4);

  @TempDir private static Path directory;
  private static TestBed bed;
  private static String key;
  private static GatewayProcess one;
  private static GatewayProcess other;

  /** A process of {@code sandbox gateway}. */
  private record GatewayProcess(Process process, Path log, URI url, URI ops) {
    static GatewayProcess start(String name) throws IOException {
      int port = freePort();
      int opsPort = freePort();
      Path log = directory.resolve(name + ".log");
      ProcessBuilder builder =
          new ProcessBuilder(
                  Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                  "-XX:TieredStopAtLevel=1",
                  "-Xmx256m",
                  "-cp",
                  System.getProperty("java.class.path"),
                  Main.class.getName(),
                  "gateway")
              .redirectErrorStream(true)
              .redirectOutput(log.toFile());
      builder
          .environment()
          .putAll(
              Map.of(
                  "ZCBOT_KAFKA_BOOTSTRAP_SERVERS",
                  bed.bootstrapServers(),
                  "ZCBOT_GATEWAY_ADDRESS",
                  "127.0.0.1:" + port,
                  "ZCBOT_GATEWAY_OPS_ADDRESS",
                  "127.0.0.1:" + opsPort,
                  "ZCBOT_GATEWAY_DIRECTORY",
                  directory.toString()));
      return new GatewayProcess(
          builder.start(),
          log,
          URI.create("http://127.0.0.1:" + port),
          URI.create("http://127.0.0.1:" + opsPort));
    }

    private static int freePort() throws IOException {
      try (ServerSocket socket = new ServerSocket(0)) {
        return socket.getLocalPort();
      }
    }

    int ready() throws Exception {
      return send(HttpRequest.newBuilder(ops.resolve("/health/ready"))).statusCode();
    }

    void awaitReady() {
      await()
          .atMost(SOON)
          .ignoreExceptionsInstanceOf(IOException.class)
          .failFast(
              "the process ended", () -> assertThat(process.isAlive()).as(() -> logged()).isTrue())
          .untilAsserted(() -> assertThat(ready()).as(() -> logged()).isEqualTo(200));
    }

    private String logged() {
      try {
        return Files.readString(log);
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }

  @BeforeAll
  static void start() throws Exception {
    bed = TestBed.onTheEngine().with("ZCBOT_SANDBOX_IDLE_TTL_MAX", "24h").start();
    key = KeyFile.in(directory).add("one", 0, 0).text();
    one = GatewayProcess.start("one");
    other = GatewayProcess.start("other");
    one.awaitReady();
    other.awaitReady();
  }

  @AfterAll
  static void stop() throws Exception {
    for (GatewayProcess gateway : new GatewayProcess[] {one, other}) {
      if (gateway != null) {
        gateway.process().destroyForcibly().waitFor();
      }
    }
    bed.close();
  }

  private record Made(String id, String token) {}

  private static HttpRequest.Builder to(GatewayProcess gateway, String path) {
    return HttpRequest.newBuilder(gateway.url().resolve(path))
        .header("X-API-KEY", key)
        .timeout(SOON);
  }

  private static HttpRequest.Builder inside(GatewayProcess gateway, Made sandbox, String path) {
    return to(gateway, path)
        .header("E2b-Sandbox-Id", sandbox.id())
        .header("E2b-Sandbox-Port", "49983")
        .header("X-Access-Token", sandbox.token());
  }

  private static HttpRequest.Builder create(GatewayProcess gateway) {
    return to(gateway, "/v2/sandboxes")
        .POST(BodyPublishers.ofString("{\"templateID\":\"base\",\"timeout\":600}"));
  }

  private static HttpResponse<String> send(HttpRequest.Builder request) throws Exception {
    return HTTP.send(request.build(), BodyHandlers.ofString());
  }

  private static Made made(HttpResponse<String> answer) throws IOException {
    assertThat(answer.statusCode()).as(answer.body()).isEqualTo(201);
    JsonNode sandbox = JSON.readTree(answer.body());
    return new Made(sandbox.path("sandboxID").asText(), sandbox.path("envdAccessToken").asText());
  }

  private static HttpRequest.Builder stream(
      GatewayProcess gateway, Made sandbox, String call, String message) {
    return inside(gateway, sandbox, "/process.Process/" + call)
        .header("Content-Type", "application/connect+json")
        .POST(BodyPublishers.ofByteArray(Frames.of(message)));
  }

  private static InputStream opened(HttpRequest.Builder request) throws Exception {
    return HTTP.send(request.build(), BodyHandlers.ofInputStream()).body();
  }

  private static String output(List<JsonNode> events) {
    StringBuilder text = new StringBuilder();
    for (JsonNode event : events) {
      try {
        byte[] bytes = event.path("event").path("data").path("stdout").binaryValue();
        text.append(bytes == null ? "" : new String(bytes, StandardCharsets.UTF_8));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }
    return text.toString();
  }

  private static int pid(JsonNode first) {
    int pid = first.path("event").path("start").path("pid").asInt();
    assertThat(pid).as(first.toString()).isPositive();
    return pid;
  }

  /**
   * E2B's connect replays nothing: a client that connects again gets what is written from then on,
   * to the last byte. What was written between the death of one gateway and that connect is on the
   * log, as all of it is.
   */
  @Test
  void aCommandOfAKilledGatewayIsConnectedToThroughAnother() throws Exception {
    int lines = 300;
    Made sandbox = made(send(create(one)));
    String script = "for i in $(seq " + lines + "); do echo $i; sleep 0.05; done; exit 7";
    InputStream events =
        opened(
            stream(
                one,
                sandbox,
                "Start",
                "{\"process\":{\"cmd\":\"bash\",\"args\":[\"-c\",\""
                    + script
                    + "\"]},\"tag\":\"mine\"}"));
    int pid = pid(Frames.next(events));
    List<JsonNode> before = new ArrayList<>();
    while (!output(before).contains("3\n")) {
      before.add(Frames.next(events));
    }
    one.process().destroyForcibly().waitFor(); // SIGKILL

    HttpResponse<String> list =
        send(inside(other, sandbox, "/process.Process/List").POST(BodyPublishers.ofString("{}")));
    assertThat(list.body()).contains("\"pid\":" + pid).contains("\"tag\":\"mine\"");
    String byPid = "{\"process\":{\"pid\":" + pid + "}}";
    for (int i = 0; i < 20; i++) { // the first event is the start, whatever is written meanwhile
      try (InputStream another = opened(stream(other, sandbox, "Connect", byPid))) {
        assertThat(pid(Frames.next(another))).isEqualTo(pid);
      }
    }
    try (InputStream again = opened(stream(other, sandbox, "Connect", byPid))) {
      assertThat(pid(Frames.next(again))).isEqualTo(pid);
      List<JsonNode> rest = Frames.rest(again);
      List<Integer> seen = output(rest).lines().map(Integer::parseInt).toList();
      assertThat(seen).last().isEqualTo(lines);
      assertThat(seen)
          .as("without a gap")
          .isEqualTo(IntStream.rangeClosed(seen.getFirst(), lines).boxed().toList());
      assertThat(rest.get(rest.size() - 2).path("event").path("end").path("exitCode").asInt())
          .isEqualTo(7);
    }
    assertThat(onTheLog()).contains(numbers(lines));
    assertThat(
            HTTP.send(
                    HttpRequest.newBuilder(other.ops().resolve("/metrics")).build(),
                    BodyHandlers.ofString())
                .body())
        .as("the metrics that the documents name")
        .containsPattern("(?m)^zcbot_gateway_ready 1")
        .containsPattern("(?m)^zcbot_gateway_streams_open [0-9]")
        .containsPattern("(?m)^zcbot_gateway_requests_open [0-9]")
        .containsPattern(
            "(?m)^zcbot_gateway_request_seconds_bucket\\{.*call=\"POST /process.Process/Connect\".*status=\"200\"");

    one = GatewayProcess.start("one-again");
    one.awaitReady();
    assertThat(send(to(one, "/sandboxes/" + sandbox.id())).statusCode()).isEqualTo(200);
    assertThat(send(to(one, "/sandboxes/" + sandbox.id()).DELETE()).statusCode()).isEqualTo(204);
  }

  private static String numbers(int last) {
    StringBuilder text = new StringBuilder();
    IntStream.rangeClosed(1, last).forEach(i -> text.append(i).append('\n'));
    return text.toString();
  }

  /** All output that the topics have, in its order. */
  private static String onTheLog() throws Exception {
    return bed.outputs().stream()
        .map(output -> String.valueOf(output.data().text()))
        .collect(Collectors.joining());
  }

  /** What is larger than a gateway's memory shows that it keeps none of it. */
  @Test
  @EnabledIfEnvironmentVariable(
      named = "ZCBOT_TEST_ALL",
      matches = "yes",
      disabledReason = "a gibibyte takes minutes; only bin/test --all sends it")
  void aGibibytePassesThroughAGatewayOf256Mebibytes() throws Exception {
    long size = 1L << 30;
    Made sandbox = made(send(create(other)));
    CRC32 sent = new CRC32();
    CRC32 received = new CRC32();
    HttpResponse<String> written =
        send(
            inside(other, sandbox, "/files?path=large")
                .timeout(Duration.ofMinutes(20))
                .header("Content-Type", "application/octet-stream")
                .POST(
                    BodyPublishers.ofInputStream(
                        () -> new CheckedInputStream(new Noise(size), sent))));
    assertThat(written.statusCode()).as(written.body()).isEqualTo(200);
    long bytes = 0;
    try (InputStream file =
        new CheckedInputStream(
            opened(inside(other, sandbox, "/files?path=large").timeout(Duration.ofMinutes(20))),
            received)) {
      byte[] part = new byte[1 << 16];
      for (int n = file.read(part); n >= 0; n = file.read(part)) {
        bytes += n;
      }
    }
    assertThat(bytes).isEqualTo(size);
    assertThat(received.getValue()).isEqualTo(sent.getValue());
    String peak =
        Files.readAllLines(Path.of("/proc/" + other.process().pid() + "/status")).stream()
            .filter(line -> line.startsWith("VmHWM:"))
            .map(line -> line.replaceAll("[^0-9]", ""))
            .findFirst()
            .orElseThrow();
    assertThat(Long.parseLong(peak) >> 10).as("mebibytes at most").isLessThan(512);
    assertThat(send(to(other, "/sandboxes/" + sandbox.id()).DELETE()).statusCode()).isEqualTo(204);
  }

  /** Bytes that no compression makes smaller, always the same. */
  private static final class Noise extends InputStream {
    private long left;
    private long state = 1;

    private Noise(long left) {
      this.left = left;
    }

    @Override
    public int read() {
      byte[] one = new byte[1];
      return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] to, int offset, int length) {
      if (left == 0) {
        return -1;
      }
      int count = (int) Math.min(length, left);
      for (int i = 0; i < count; i++) {
        state = state * 6364136223846793005L + 1442695040888963407L;
        to[offset + i] = (byte) (state >>> 56);
      }
      left -= count;
      return count;
    }
  }

  /** The last one: the worker may need a while to come back. */
  @Test
  @Order(Integer.MAX_VALUE)
  @EnabledIfEnvironmentVariable(
      named = "ZCBOT_TEST_ALL",
      matches = "yes",
      disabledReason = "brokers are away for half a minute; only bin/test --all runs it")
  void brokersThatAreAwayAreToldInTimeAndComeBack() throws Exception {
    Made sandbox = made(send(create(other)));
    bed.stopBroker();
    try {
      long away = System.nanoTime();
      try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
        assertRefused(threads, sandbox); // the gateway learns of it while it waits
        assertThat(other.ready()).isEqualTo(503);
        assertRefused(threads, sandbox);
      }
      // The rest of the time; nothing is waited for.
      Thread.sleep(
          Math.max(
              0,
              TimeUnit.NANOSECONDS.toMillis(
                  away + Duration.ofSeconds(30).toNanos() - System.nanoTime())));
    } finally {
      bed.startBroker();
    }

    other.awaitReady();
    await()
        .atMost(SOON)
        .until(
            () ->
                send(to(other, "/sandboxes/" + sandbox.id() + "/timeout")
                            .POST(BodyPublishers.ofString("{\"timeout\":300}")))
                        .statusCode()
                    == 204);
    String echo = "{\"process\":{\"cmd\":\"echo\",\"args\":[\"back\"]}}";
    try (InputStream events = opened(stream(other, sandbox, "Start", echo))) {
      assertThat(output(Frames.rest(events))).isEqualTo("back\n");
    }
    assertThat(send(to(other, "/sandboxes/" + sandbox.id()).DELETE()).statusCode()).isEqualTo(204);
    // The creates that were refused may have reached the brokers; what they made is ended.
    await().atMost(SOON).until(() -> send(to(other, "/v2/sandboxes")).body().equals("[]"));
  }

  private static HttpRequest.Builder interpreter(Made sandbox, String path) {
    return inside(other, sandbox, path).setHeader("E2b-Sandbox-Port", "49999");
  }

  /** Each call is answered within ten seconds, with a message that says what is wrong. */
  private static void assertRefused(ExecutorService threads, Made sandbox) throws Exception {
    String echo = "{\"process\":{\"cmd\":\"echo\",\"args\":[\"lost\"]}}";
    List<HttpRequest.Builder> calls =
        List.of(
            create(other),
            to(other, "/v2/sandboxes"),
            to(other, "/sandboxes/" + sandbox.id()).DELETE(),
            to(other, "/sandboxes/" + sandbox.id() + "/timeout")
                .POST(BodyPublishers.ofString("{\"timeout\":300}")),
            to(other, "/sandboxes/" + sandbox.id() + "/metrics"),
            inside(other, sandbox, "/process.Process/List").POST(BodyPublishers.ofString("{}")),
            inside(other, sandbox, "/filesystem.Filesystem/Stat")
                .POST(BodyPublishers.ofString("{\"path\":\"/tmp\"}")),
            inside(other, sandbox, "/files?path=/tmp/x"),
            inside(other, sandbox, "/files?path=/tmp/x")
                .header("Content-Type", "application/octet-stream")
                .POST(BodyPublishers.ofString("lost")),
            inside(other, sandbox, "/files?path=/tmp/y")
                .header("Content-Type", "application/octet-stream")
                .POST(BodyPublishers.ofByteArray(new byte[6 << 20])),
            interpreter(sandbox, "/contexts"),
            interpreter(sandbox, "/execute").POST(BodyPublishers.ofString("{\"code\":\"1\"}")),
            inside(other, sandbox, "/filesystem.Filesystem/WatchDir")
                .header("Content-Type", "application/connect+json")
                .POST(BodyPublishers.ofByteArray(Frames.of("{\"path\":\"/tmp\"}"))),
            to(other, "/mcp")
                .header("Authorization", "Bearer " + key)
                .header("Content-Type", "application/json")
                .POST(
                    BodyPublishers.ofString(
                        "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/list\"}")),
            stream(other, sandbox, "Start", echo));
    List<Future<String>> answers = new ArrayList<>();
    for (HttpRequest.Builder call : calls) {
      answers.add(
          threads.submit(
              (Callable<String>)
                  () -> {
                    HttpRequest request = call.timeout(Duration.ofSeconds(10)).build();
                    HttpResponse<String> answer = HTTP.send(request, BodyHandlers.ofString());
                    return request.uri().getPath() + " " + answer.statusCode() + answer.body();
                  }));
    }
    for (Future<String> answer : answers) {
      assertThat(answer.get())
          .containsPattern(" 503|unavailable|/mcp 200.*error")
          .containsIgnoringCase("brokers don't answer");
    }
  }
}
