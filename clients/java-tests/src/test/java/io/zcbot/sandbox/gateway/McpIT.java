/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.zcbot.sandbox.client.SandboxClient;
import io.zcbot.sandbox.client.TestBed;
import io.zcbot.sandbox.gateway.keys.KeyFile;
import io.zcbot.sandbox.worker.cli.Main;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
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
      check(14, "http", url(gateway), key, otherKey, limitedKey, url(another));
    }
  }

  @Test
  void toolsWorkOnStandardStreams() throws Exception {
    check(
        10,
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
        bed.bootstrapServers());
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
        try (var socket = new java.net.Socket("127.0.0.1", gateway.port())) {
          socket.setSoTimeout(10_000);
          socket
              .getOutputStream()
              .write(
                  ("POST /mcp HTTP/1.1\r\nHost: "
                          + expected.getFirst()
                          + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                      .getBytes(StandardCharsets.UTF_8));
          assertThat(new String(socket.getInputStream().readNBytes(12), StandardCharsets.UTF_8))
              .isEqualTo("HTTP/1.1 " + expected.getLast());
        }
      }
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
            1,
            512,
            Duration.ofHours(24),
            Duration.ofHours(1),
            null,
            Set.of("mcp.example")));
  }

  private static String url(Gateway of) {
    return "http://127.0.0.1:" + of.port();
  }

  private static void check(int number, String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of("node", "mcp.mjs"));
    command.addAll(List.of(arguments));
    Process process =
        new ProcessBuilder(command)
            .directory(GatewayIT.sdkDirectory().toFile())
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    List<JsonNode> failed = new ArrayList<>();
    int passed = 0;
    String printed = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    for (String line : printed.split("\n")) {
      JsonNode check = JSON.readTree(line);
      if (check.path("result").asText().equals("yes")) {
        passed++;
      } else {
        failed.add(check);
      }
    }
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(failed).isEmpty();
    assertThat(process.exitValue()).isZero();
    assertThat(passed).isEqualTo(number);
  }
}
