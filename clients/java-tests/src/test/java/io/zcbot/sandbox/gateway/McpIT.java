/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.zcbot.sandbox.client.Command;
import io.zcbot.sandbox.client.EnsureOptions;
import io.zcbot.sandbox.client.Sandbox;
import io.zcbot.sandbox.client.SandboxClient;
import io.zcbot.sandbox.client.SandboxTable;
import io.zcbot.sandbox.client.TestBed;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.gateway.keys.KeyFile;
import io.zcbot.sandbox.gateway.mcp.McpStdio;
import io.zcbot.sandbox.worker.cli.Main;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Set;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The tools of the Model Context Protocol, used by the client that agents use, in Node. No other
 * class shows them. Each check is in {@code gateway/sdk/mcp.mjs}.
 */
@Tag("engine")
@Tag("node")
class McpIT {
  private static final ObjectMapper JSON = new ObjectMapper();

  @TempDir private static Path directory;
  private static TestBed bed;
  private static SandboxClient client;
  private static KeyFile keys;

  @BeforeAll
  static void start() throws Exception {
    bed = TestBed.onTheEngine().start();
    client = bed.client();
    keys = KeyFile.in(directory);
  }

  @AfterAll
  static void stop() throws Exception {
    if (client != null) {
      client.close();
    }
    bed.close();
  }

  @Test
  void toolsWorkOverHttp() throws Exception {
    String key = keys.add("one", 0, 0).text();
    String otherKey = keys.add("other", 0, 0).text();
    String limitedKey = keys.add("limited", 1, 0).text();
    try (Gateway gateway = startGateway();
        Gateway another = startGateway()) {
      assertThat(
              SdkProgram.run(
                  "mcp.mjs", "http", url(gateway), key, otherKey, limitedKey, url(another)))
          .isEqualTo(16);
    }
  }

  @Test
  void toolsWorkOnStandardStreams() throws Exception {
    assertThat(
            SdkProgram.run(
                "mcp.mjs",
                "stdio",
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName(),
                "mcp",
                "--user",
                TestBed.newUser(),
                "--bootstrap-server",
                bed.bootstrapServers()))
        .isEqualTo(12);
  }

  /** What leads here by a name that anybody can choose is refused, with or without a key. */
  @Test
  void aForeignHostIsRefused() throws Exception {
    try (Gateway gateway = startGateway()) {
      for (var expected :
          List.of(
              List.of("evil.example", "403"),
              List.of("localhost:1", "401"),
              List.of("mcp.example", "401"))) {
        assertThat(
                status(
                    gateway,
                    "Host: " + expected.getFirst() + "\r\nContent-Length: 0\r\n",
                    StandardCharsets.UTF_8))
            .isEqualTo(expected.getLast());
      }
    }
  }

  /** A header's bytes beyond ASCII are not decoded, so that different users would be the same. */
  @Test
  void aUserWhoseNameIsNotAsciiIsRefused() throws Exception {
    String ping = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}";
    String headers = headers(keys.add("users", 0, 0).text(), ping) + "X-User-Id: ";
    try (Gateway gateway = startGateway()) {
      for (Charset charset : List.of(StandardCharsets.UTF_8, StandardCharsets.ISO_8859_1)) {
        assertThat(status(gateway, headers + "José\r\n\r\n" + ping, charset)).isEqualTo("400");
      }
      assertThat(status(gateway, headers + "Jos%C3%A9 ~\r\n\r\n" + ping, StandardCharsets.UTF_8))
          .isEqualTo("200");
    }
  }

  @Test
  void eachMessageOfABatchCounts() throws Exception {
    String key = keys.add("batches", 0, 5).text();
    String commands = keys.add("batched-commands", 0, 0, 2, 0, Set.of()).text();
    String ping = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}";
    try (Gateway gateway = startGateway()) {
      assertThat(post(gateway, key, "[" + String.join(",", Collections.nCopies(10, ping)) + "]"))
          .isEqualTo("429");
      String list = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/list\"}";
      assertThat(
              post(gateway, commands, "[" + String.join(",", Collections.nCopies(10, list)) + "]"))
          .isEqualTo("429");
      Thread.sleep(1100); // the bucket is full again
      assertThat(post(gateway, key, "[" + ping + "," + ping + "]")).isEqualTo("200");
    }
  }

  @Test
  void answersTakeNoMoreMemoryThanThereIs() throws Exception {
    String key = keys.add("answers", 0, 0).text();
    try (Gateway gateway = startGateway()) {
      String files =
          "printf %4194304d 0 > text; printf %1000000d 0 > part; head -c 4194304 /dev/zero > nulls";
      assertThat(answer(gateway, key, call("1", files, ""))).contains("exit code 0");
      assertThat(answer(gateway, key, read("text"))).hasSizeGreaterThan(4 << 20);
      assertThat(answer(gateway, key, read("nulls")))
          .as("each byte is six of JSON")
          .contains("too much memory");
      JsonNode batch =
          JSON.readTree(
              answer(
                  gateway,
                  key,
                  "[" + String.join(",", Collections.nCopies(20, read("part"))) + "]"));
      assertThat(batch).hasSize(20);
      assertThat(batch.findValues("contents").size()).isBetween(1, 5);
      assertThat(batch.findValuesAsText("message")).last().asString().contains("too much memory");
      assertThat(answer(gateway, key, read("text"))).hasSizeGreaterThan(4 << 20);
      String stop =
          "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":{\"name\":\"stop\"}}";
      assertThat(answer(gateway, key, stop)).contains("has ended");
    }
  }

  private static String read(String name) {
    return "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"resources/read\",\"params\":{\"uri\":\"file:///workspace/"
        + name
        + "\"}}";
  }

  private static String answer(Gateway gateway, String key, String body) throws Exception {
    try (HttpClient http = HttpClient.newHttpClient()) {
      return http.send(
              HttpRequest.newBuilder(URI.create(url(gateway) + "/mcp"))
                  .header("Authorization", "Bearer " + key)
                  .header("Content-Type", "application/json")
                  .POST(HttpRequest.BodyPublishers.ofString(body))
                  .build(),
              HttpResponse.BodyHandlers.ofString())
          .body();
    }
  }

  /** A client that is gone gets no progress; its command goes on. */
  @Test
  void aLostConnectionDoesNotEndACommand() throws Exception {
    String key = keys.add("lost", 0, 0).text();
    try (Gateway gateway = startGateway()) {
      try (Socket socket = new Socket("127.0.0.1", gateway.port())) {
        socket.setSoTimeout(60_000);
        String call = counting("over-http");
        socket
            .getOutputStream()
            .write(
                ("POST /mcp HTTP/1.1\r\n" + headers(key, call) + "\r\n" + call)
                    .getBytes(StandardCharsets.UTF_8));
        BufferedReader lines =
            new BufferedReader(
                new InputStreamReader(socket.getInputStream(), StandardCharsets.UTF_8));
        while (!lines.readLine().contains("notifications/progress")) {
          // the head of the answer
        }
      }
      UserId user;
      try (SandboxTable table = client.sandboxes(1 << 20)) {
        assertThat(table.awaitCurrent(Duration.ofSeconds(30))).isTrue();
        user =
            table.all().stream()
                .filter(entry -> "lost".equals(entry.labels().get("gateway.tenant")))
                .findFirst()
                .orElseThrow()
                .userId();
      }
      Sandbox sandbox = client.sandbox(user);
      assertThat(sandbox.run(WAIT_FOR_END).exitCode()).isZero();
      assertThat(sandbox.release(Duration.ofSeconds(30))).isPresent();
    }
  }

  @Test
  void anAgentThatReadsNoMoreDoesNotEndACommand() throws Exception {
    Sandbox sandbox = client.sandbox(TestBed.newUser());
    PipedOutputStream toServer = new PipedOutputStream();
    PipedInputStream in = new PipedInputStream(toServer);
    OutputStream broken =
        new OutputStream() {
          @Override
          public void write(int b) throws IOException {
            throw new IOException("nobody reads");
          }
        };
    var serving =
        CompletableFuture.runAsync(
            () -> {
              try {
                new McpStdio(sandbox, EnsureOptions.DEFAULT, Duration.ofHours(1), broken).serve(in);
              } catch (IOException | InterruptedException e) {
                // it says that nobody reads
              }
            });
    toServer.write((counting("on-stdio") + "\n").getBytes(StandardCharsets.UTF_8));
    toServer.flush();
    assertThat(sandbox.ensure()).isNotNull();
    assertThat(sandbox.run(WAIT_FOR_END).exitCode()).isZero();
    toServer.close();
    serving.get(30, TimeUnit.SECONDS);
    assertThat(sandbox.release(Duration.ofSeconds(30))).isPresent();
  }

  /** A cancellation is served while all places are taken. */
  @Test
  void aCallAmongTooManyIsCancelled() throws Exception {
    BlockingQueue<String> answers = new LinkedBlockingQueue<>();
    OutputStream out =
        new ByteArrayOutputStream() {
          @Override
          public void flush() {
            answers.add(toString(StandardCharsets.UTF_8));
            reset();
          }
        };
    String user = TestBed.newUser();
    try (SandboxClient own = bed.client();
        PipedOutputStream toServer = new PipedOutputStream()) {
      PipedInputStream in = new PipedInputStream(toServer);
      Thread server =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      new McpStdio(
                              own.sandbox(user), EnsureOptions.DEFAULT, Duration.ofHours(1), out)
                          .serve(in);
                    } catch (IOException | InterruptedException e) {
                      // the test ends
                    }
                  });
      for (int id = 0; id < 33; id++) {
        toServer.write(
            (call(String.valueOf(id), "sleep 100", "") + "\n").getBytes(StandardCharsets.UTF_8));
        toServer.flush();
        if (id == 0) {
          await()
              .atMost(Duration.ofSeconds(60))
              .until(() -> !own.sandbox(user).commands().isEmpty());
        }
      }
      assertThat(answers.poll(40, TimeUnit.SECONDS)).contains("\"id\":32", "send this again");
      toServer.write(
          "{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":0}}\n"
              .getBytes(StandardCharsets.UTF_8));
      toServer.flush();
      assertThat(answers.poll(40, TimeUnit.SECONDS)).contains("\"id\":0", "killed by signal 9");
      server.interrupt();
    }
    assertThat(client.sandbox(user).release(Duration.ofSeconds(30))).isPresent();
  }

  /** Python takes three commands here; the cancellation comes before, during and between them. */
  @Test
  void aCallOfSeveralCommandsIsCancelledWhicheverRuns() throws Exception {
    BlockingQueue<String> answers = new LinkedBlockingQueue<>();
    OutputStream out =
        new ByteArrayOutputStream() {
          @Override
          public void flush() {
            answers.add(toString(StandardCharsets.UTF_8));
            reset();
          }
        };
    String user = TestBed.newUser();
    assertThat(client.sandbox(user).ensure()).isNotNull();
    try (PipedOutputStream toServer = new PipedOutputStream()) {
      PipedInputStream in = new PipedInputStream(toServer);
      Thread server =
          Thread.ofVirtual()
              .start(
                  () -> {
                    try {
                      new McpStdio(
                              client.sandbox(user), EnsureOptions.DEFAULT, Duration.ofHours(1), out)
                          .serve(in);
                    } catch (IOException | InterruptedException e) {
                      // the test ends
                    }
                  });
      for (int id = 0; id < 12; id++) {
        toServer.write(
            ("{\"jsonrpc\":\"2.0\",\"id\":"
                    + id
                    + ",\"method\":\"tools/call\",\"params\":{\"name\":\"run_python\","
                    + "\"arguments\":{\"code\":\"import time; time.sleep(100)\"}}}\n")
                .getBytes(StandardCharsets.UTF_8));
        toServer.flush();
        Thread.sleep(id * 30);
        toServer.write(
            ("{\"jsonrpc\":\"2.0\",\"method\":\"notifications/cancelled\",\"params\":{\"requestId\":"
                    + id
                    + "}}\n")
                .getBytes(StandardCharsets.UTF_8));
        toServer.flush();
        assertThat(answers.poll(60, TimeUnit.SECONDS)).as("call %s", id).contains("\"id\":" + id);
      }
      server.interrupt();
    }
    assertThat(client.sandbox(user).release(Duration.ofSeconds(30))).isPresent();
  }

  private static final Command WAIT_FOR_END =
      Command.shell("for i in $(seq 300); do [ -e done ] && exit 0; sleep 0.1; done; exit 1");

  private static String counting(String token) {
    return call(
        "1",
        "for i in 1 2 3 4; do echo $i; sleep 1; done; touch done",
        ",\"_meta\":{\"progressToken\":\"" + token + "\"}");
  }

  private static String call(String id, String script, String more) {
    return "{\"jsonrpc\":\"2.0\",\"id\":"
        + id
        + ",\"method\":\"tools/call\",\"params\":{\"name\":\"run_shell\",\"arguments\":{\"command\":\""
        + script
        + "\"}"
        + more
        + "}}";
  }

  private static String headers(String key, String body) {
    return "Host: localhost\r\nContent-Type: application/json\r\nAuthorization: Bearer "
        + key
        + "\r\nContent-Length: "
        + body.length()
        + "\r\n";
  }

  private static String post(Gateway gateway, String key, String body) throws IOException {
    return status(gateway, headers(key, body) + "\r\n" + body, StandardCharsets.UTF_8);
  }

  /** Returns the status of a request that is sent as it is written here. */
  private static String status(Gateway gateway, String afterFirstLine, Charset charset)
      throws IOException {
    try (Socket socket = new Socket("127.0.0.1", gateway.port())) {
      socket.setSoTimeout(10_000);
      socket
          .getOutputStream()
          .write(("POST /mcp HTTP/1.1\r\n" + afterFirstLine + "\r\n").getBytes(charset));
      String line = new String(socket.getInputStream().readNBytes(12), StandardCharsets.UTF_8);
      assertThat(line).startsWith("HTTP/1.1 ");
      return line.substring(9);
    }
  }

  private static Gateway startGateway() throws IOException, InterruptedException {
    return Gateway.start(
        client,
        new GatewayOptions(
            "127.0.0.1",
            0,
            keys.path(),
            directory.resolve("secret"),
            "localhost:3000",
            1,
            512,
            Duration.ofHours(24),
            Duration.ofHours(1),
            null,
            Set.of("mcp.example"),
            null));
  }

  private static String url(Gateway of) {
    return "http://127.0.0.1:" + of.port();
  }
}
