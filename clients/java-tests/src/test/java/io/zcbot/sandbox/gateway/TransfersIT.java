/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.zcbot.sandbox.client.SandboxClient;
import io.zcbot.sandbox.client.TestBed;
import io.zcbot.sandbox.gateway.keys.KeyFile;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * What files may take of a gateway's memory on their way, with clients that send or read nothing.
 * GatewayIT's files are small or fast; none of them shows it.
 */
@Tag("engine")
class TransfersIT {
  private static final HttpClient HTTP = HttpClient.newHttpClient();
  private static final Duration SOON = Duration.ofMinutes(2);

  /** How many large transfers a tenant has at a time if it is the only one. */
  private static final int AT_ONCE = 4;

  private static final int LARGE = 12 << 20;

  @TempDir private static Path directory;
  private static TestBed bed;
  private static SandboxClient client;
  private static Gateway gateway;
  private static Made one;
  private static Made other;

  private record Made(String id, String token) {}

  @BeforeAll
  static void start() throws Exception {
    bed = TestBed.onTheEngine().with("ZCBOT_SANDBOX_IDLE_TTL_MAX", "24h").start();
    client = bed.client();
    KeyFile keys = KeyFile.in(directory);
    String key = keys.add("one", 0, 0).text();
    String otherKey = keys.add("other", 0, 0).text();
    gateway = GatewayIT.start(client, keys, directory);
    one = create(key);
    other = create(otherKey);
  }

  @AfterAll
  static void stop() throws Exception {
    if (gateway != null) {
      gateway.close();
    }
    if (client != null) {
      client.close();
    }
    bed.close();
  }

  private static Made create(String key) throws Exception {
    HttpResponse<byte[]> answer =
        HTTP.send(
            HttpRequest.newBuilder(URI.create(url("/v2/sandboxes")))
                .header("X-API-KEY", key)
                .POST(BodyPublishers.ofString("{\"templateID\":\"base\",\"timeout\":600}"))
                .build(),
            BodyHandlers.ofByteArray());
    assertThat(answer.statusCode()).isEqualTo(201);
    JsonNode made = new ObjectMapper().readTree(answer.body());
    return new Made(made.path("sandboxID").asText(), made.path("envdAccessToken").asText());
  }

  private static String url(String path) {
    return "http://127.0.0.1:" + gateway.port() + path;
  }

  private static HttpRequest.Builder file(Made sandbox, String path) {
    return HttpRequest.newBuilder(URI.create(url("/files?path=" + path)))
        .timeout(SOON)
        .header("E2b-Sandbox-Id", sandbox.id())
        .header("E2b-Sandbox-Port", "49983")
        .header("X-Access-Token", sandbox.token());
  }

  private static HttpRequest upload(Made sandbox, String path, byte[] content) {
    return file(sandbox, path)
        .header("Content-Type", "application/octet-stream")
        .POST(BodyPublishers.ofByteArray(content))
        .build();
  }

  private static HttpResponse<byte[]> send(HttpRequest request) throws Exception {
    return HTTP.send(request, BodyHandlers.ofByteArray());
  }

  /** Opens a request for a file, and sends or reads nothing of it. */
  private static RawHttp open(Made sandbox, String method, String path, String more)
      throws IOException {
    RawHttp http = new RawHttp(gateway.port());
    String head =
        "%s /files?path=%s HTTP/1.1\r\nHost: localhost\r\nE2b-Sandbox-Id: %s\r\nE2b-Sandbox-Port: 49983\r\nX-Access-Token: %s\r\n%s\r\n";
    http.send(
        head.formatted(method, path, sandbox.id(), sandbox.token(), more).getBytes(ISO_8859_1));
    return http;
  }

  private static byte[] content(int length) {
    byte[] content = new byte[length];
    new Random(length).nextBytes(content);
    return content;
  }

  /** Sends small uploads until one is refused, since what was opened before has its room then. */
  private static HttpResponse<byte[]> refusedUpload() throws Exception {
    long end = System.nanoTime() + SOON.toNanos();
    HttpResponse<byte[]> answer = send(upload(one, "small", content(1000)));
    while (answer.statusCode() == 200 && System.nanoTime() < end) {
      Thread.sleep(100);
      answer = send(upload(one, "small", content(1000)));
    }
    return answer;
  }

  private static void assertRefused(HttpResponse<byte[]> answer) {
    String text = new String(answer.body(), ISO_8859_1);
    assertThat(answer.statusCode()).as(text).isEqualTo(429);
    assertThat(answer.headers().firstValue("Retry-After")).as(text).isPresent();
    assertThat(text).contains("uploads and downloads");
  }

  private static void assertOtherTenantIsServed() throws Exception {
    byte[] content = content(LARGE);
    assertThat(send(upload(other, "large", content)).statusCode()).isEqualTo(200);
    HttpResponse<byte[]> read = send(file(other, "large").build());
    assertThat(read.statusCode()).isEqualTo(200);
    assertThat(read.body()).isEqualTo(content);
  }

  /** Opens requests, sees what they leave, and closes one of them. */
  private static void fill(List<RawHttp> open, String method, String more) throws Exception {
    for (int i = 0; i < AT_ONCE; i++) {
      open.add(open(one, method, method.equals("GET") ? "large" : "slow-" + i, more));
    }
    assertRefused(refusedUpload());
    assertRefused(send(file(one, "small").build()));
    assertOtherTenantIsServed();
    byte[] content = content(LARGE + 1);
    CompletableFuture<HttpResponse<byte[]>> waiting =
        HTTP.sendAsync(upload(one, "waited", content), BodyHandlers.ofByteArray());
    Thread.sleep(1000); // so that it waits
    assertThat(waiting).isNotDone();
    open.removeFirst().close();
    HttpResponse<byte[]> written = waiting.get();
    assertThat(written.statusCode()).as(new String(written.body(), ISO_8859_1)).isEqualTo(200);
    open.removeFirst().close();
    assertThat(send(file(one, "waited").build()).body()).isEqualTo(content);
  }

  @Test
  void uploadsOfATenantLeaveRoomForOthers() throws Exception {
    List<RawHttp> open = new ArrayList<>();
    try {
      fill(open, "POST", "Content-Type: application/octet-stream\r\nContent-Length: 8000000\r\n");
    } finally {
      for (RawHttp http : open) {
        http.close();
      }
    }
    assertThat(send(upload(one, "small", content(1000))).statusCode()).isEqualTo(200);
  }

  @Test
  void downloadsOfATenantLeaveRoomForOthers() throws Exception {
    assertThat(send(upload(one, "small", content(1000))).statusCode()).isEqualTo(200);
    assertThat(send(upload(one, "large", content(LARGE))).statusCode()).isEqualTo(200);
    List<RawHttp> open = new ArrayList<>();
    try {
      fill(open, "GET", "");
      RawHttp.Response late = open.getFirst().next(); // one that was not read for so long
      assertThat(late).isNotNull();
      assertThat(late.status()).isEqualTo(200);
      assertThat(late.body()).isEqualTo(new String(content(LARGE), ISO_8859_1));
    } finally {
      for (RawHttp http : open) {
        http.close();
      }
    }
  }
}
