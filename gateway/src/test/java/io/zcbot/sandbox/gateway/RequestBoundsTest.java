/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.helidon.webserver.CloseConnectionException;
import io.helidon.webserver.WebServer;
import io.helidon.webserver.WebServerConfig;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http1.Http1Config;
import io.helidon.webserver.http1.Http1ConnectionSelector;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.zcbot.sandbox.gateway.TimedOutput.ClientGoneException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipException;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * The server's bounds, with small ones, over real sockets. The gateway's take a minute and
 * thousands of connections.
 */
class RequestBoundsTest {
  private static final Duration PATIENCE = Duration.ofSeconds(1);

  /** What reading a body brought: its length, or why it ended. */
  private static final BlockingQueue<Object> READ = new LinkedBlockingQueue<>();

  private static final SimpleMeterRegistry METRICS = new SimpleMeterRegistry();

  /** More than the buffers of a connection take. */
  private static final byte[] LARGE = new byte[32 << 20];

  private static final CountDownLatch HELD = new CountDownLatch(1);
  private static WebServer server;

  @BeforeAll
  static void start() {
    RequestBounds bounds = new RequestBounds(PATIENCE, 6, 2, new BodyMemory());
    WebServerConfig.Builder builder = WebServer.builder();
    bounds.set(builder);
    server =
        builder
            .host("127.0.0.1")
            .port(0)
            .shutdownHook(false)
            .contentEncoding(
                encoding ->
                    encoding
                        .contentEncodingsDiscoverServices(false)
                        .addContentEncoding(new GzipBodies()))
            .addConnectionSelector(
                Http1ConnectionSelector.builder()
                    .config(Http1Config.builder().addReceiveListener(bounds).build())
                    .build())
            .routing(
                HttpRouting.builder()
                    .addFilter(new RequestMetrics(METRICS))
                    .addFilter(bounds)
                    .post(
                        "/read",
                        (request, response) -> {
                          try (InputStream in = request.content().inputStream()) {
                            int length = in.readAllBytes().length;
                            READ.add(length);
                            response.send("read " + length);
                          } catch (IOException e) {
                            READ.add(e);
                            response.status(400).send("not read");
                          }
                        })
                    .post("/refuse", (request, response) -> response.status(401).send("refused"))
                    .post(
                        "/begin",
                        (request, response) -> {
                          try (InputStream in = request.content().inputStream()) {
                            int _ = in.read();
                            response.status(413).send("too much");
                          } catch (IOException e) {
                            READ.add(e);
                          }
                        })
                    .get(
                        "/hold",
                        (request, response) -> {
                          HELD.await();
                          response.send("held");
                        })
                    .get(
                        "/large",
                        (request, response) -> {
                          try {
                            TimedOutput.send(response, LARGE, PATIENCE);
                            READ.add(LARGE.length);
                          } catch (CloseConnectionException e) {
                            READ.add(e.getCause());
                          }
                        }))
            .build()
            .start();
  }

  @AfterAll
  static void stop() {
    HELD.countDown();
    server.stop();
  }

  @BeforeEach
  void nothingIsReadYet() throws Exception {
    READ.clear();
    String answer = "503"; // while requests of the test before have their places
    long end = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    while (answer.contains("503") && System.nanoTime() < end) {
      try (Socket client = connect(head("/refuse", "Content-Length: 0"))) {
        answer = last(client);
      }
    }
  }

  @Test
  void halfAHeaderIsNotWaitedForForEver() throws Exception {
    try (Socket client = connect("POST /read HTTP/1.1\r\nHost: x\r\nX-Long: ")) {
      assertThat(answer(client)).doesNotContain("200");
    }
  }

  @Test
  void halfABodyIsNotWaitedForForEver() throws Exception {
    try (Socket client = connect(head("/read", "Content-Length: 100") + "x".repeat(50))) {
      String _ = answer(client);
      assertThat(READ.poll(30, TimeUnit.SECONDS))
          .isInstanceOf(ClientGoneException.class)
          .asString()
          .contains("sent nothing");
    }
  }

  @Test
  void aBodyThatComesSlowlyIsRead() throws Exception {
    try (Socket client = connect(head("/read", "Content-Length: 6"))) {
      for (int i = 0; i < 6; i++) { // longer than the bound in all
        Thread.sleep(PATIENCE.dividedBy(4));
        client.getOutputStream().write('x');
      }
      assertThat(last(client)).contains("read 6");
      assertThat(READ.poll(30, TimeUnit.SECONDS)).isEqualTo(6);
    }
  }

  /** The server reads what a handler left, to find the next request behind it. */
  @Test
  void halfABodyThatNobodyWantsIsNotWaitedForForEver() throws Exception {
    for (String path : new String[] {"/refuse", "/begin"}) {
      try (Socket client = connect(head(path, "Content-Length: 10000") + "x".repeat(50))) {
        assertThat(answer(client)).contains("HTTP/1.1 4");
      }
    }
    assertThat(READ).isEmpty();
  }

  @Test
  void theConnectionIsKeptIfTheRestCame() throws Exception {
    String refused = head("/refuse", "Content-Length: 50") + "x".repeat(50);
    String last = head("/read", "Content-Length: 1") + "x";
    try (Socket client = connect(refused + refused + last)) {
      assertThat(last(client)).contains("read 1");
      assertThat(READ.poll(30, TimeUnit.SECONDS)).isEqualTo(1);
    }
  }

  @Test
  void aClientThatGoesWithinItsBodyIsNoError() throws Exception {
    try (Socket client = connect(head("/read", "Content-Length: 100") + "x".repeat(50))) {
      assertThat(last(client)).contains("not read");
      assertThat(READ.poll(30, TimeUnit.SECONDS))
          .isInstanceOf(ClientGoneException.class)
          .asString()
          .contains("gone");
    }
  }

  @Test
  void whatIsNotGzipIsTheClientsError() throws Exception {
    String gzip = head("/read", "Content-Encoding: gzip\r\nContent-Length: ");
    String[] bodies = {"hello", new String(compressed(), 0, 15, ISO_8859_1)};
    for (String body : bodies) {
      try (Socket client = connect(gzip.replace("Length: ", "Length: " + body.length()) + body)) {
        assertThat(last(client)).contains("HTTP/1.1 400", "not read");
        assertThat(READ.poll(30, TimeUnit.SECONDS)).isInstanceOf(ZipException.class);
      }
    }
    String chunked = "Content-Encoding: gzip\r\nTransfer-Encoding: chunked";
    try (Socket client = connect(head("/read", chunked) + "0\r\n\r\n")) {
      assertThat(last(client)).contains("HTTP/1.1 400", "not read");
      assertThat(READ.poll(30, TimeUnit.SECONDS)).isInstanceOf(ZipException.class);
    }
    String right = new String(compressed(), ISO_8859_1);
    try (Socket client = connect(gzip.replace("Length: ", "Length: " + right.length()) + right)) {
      assertThat(last(client)).contains("read 1000");
      assertThat(READ.poll(30, TimeUnit.SECONDS)).isEqualTo(1000);
    }
  }

  @Test
  void requestsAndConnectionsHaveABound() throws Exception {
    String hold = "GET /hold HTTP/1.1\r\nHost: x\r\n\r\n";
    try (Socket _ = connect(hold);
        Socket _ = connect(hold)) {
      String beyond = "";
      long end = System.nanoTime() + Duration.ofSeconds(30).toNanos();
      while (!beyond.contains("503") && System.nanoTime() < end) { // until both are being served
        try (Socket client = connect(head("/refuse", "Content-Length: 0"))) {
          beyond = last(client);
        }
      }
      assertThat(beyond).contains("HTTP/1.1 503");
      try (Socket _ = connect("");
          Socket _ = connect("");
          Socket first = connect("");
          Socket last = connect("");
          Socket waits = connect(head("/refuse", "Content-Length: 0"))) {
        waits.setSoTimeout(300);
        assertThatThrownBy(() -> waits.getInputStream().read())
            .isInstanceOf(SocketTimeoutException.class);
        first.shutdownOutput(); // the server closes them
        last.shutdownOutput();
        waits.setSoTimeout(30_000);
        assertThat(answer(waits)).contains("HTTP/1.1 503");
      }
    } finally {
      HELD.countDown();
    }
  }

  /** A server in a sandbox may choose any, and that it fails is nothing of the gateway. */
  @Test
  void thereAreFewStatusesOfPorts() throws Exception {
    String port = head("/refuse", "Content-Length: 0").replace("Host: x", "Host: 8000-abc.x");
    try (Socket client = connect(port)) {
      assertThat(last(client)).contains("HTTP/1.1 401");
    }
    assertThat(METRICS.get("zcbot.gateway.request").tags("call", "port").timer().getId())
        .extracting(id -> id.getTag("status"))
        .isEqualTo("4xx");
  }

  private static byte[] compressed() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (GZIPOutputStream out = new GZIPOutputStream(bytes)) {
      out.write("x".repeat(1000).getBytes(UTF_8));
    }
    return bytes.toByteArray();
  }

  private static String head(String path, String headers) {
    return "POST " + path + " HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n\r\n";
  }

  private static Socket connect(String text) throws IOException {
    Socket client = new Socket("127.0.0.1", server.port());
    client.setSoTimeout(30_000);
    client.getOutputStream().write(text.getBytes(ISO_8859_1));
    return client;
  }

  /** Says that no more bytes come, and reads what is answered. */
  private static String last(Socket client) throws IOException {
    client.shutdownOutput();
    return answer(client);
  }

  /** Reads until the server closes the connection. */
  private static String answer(Socket client) throws IOException {
    return new String(client.getInputStream().readAllBytes(), UTF_8);
  }

  /** The largest answers are not read by a client that wants to hold what they take. */
  @Test
  void aLargeAnswerIsSentWholeOrLeftWhenNobodyTakesIt() throws Exception {
    try (Socket socket = new Socket("127.0.0.1", server.port())) {
      socket.getOutputStream().write("GET /large HTTP/1.1\r\nHost: x\r\n\r\n".getBytes(UTF_8));
      assertThat(READ.poll(30, TimeUnit.SECONDS))
          .isInstanceOf(ClientGoneException.class)
          .asString()
          .contains("took nothing");
    }
    try (Socket socket = new Socket("127.0.0.1", server.port())) {
      socket.getOutputStream().write("GET /large HTTP/1.1\r\nHost: x\r\n\r\n".getBytes(UTF_8));
      byte[] answer = socket.getInputStream().readNBytes(LARGE.length);
      assertThat(new String(answer, 0, 1000, ISO_8859_1)).contains("Content-Length: 33554432\r\n");
      assertThat(answer).hasSize(LARGE.length);
      assertThat(READ.poll(30, TimeUnit.SECONDS)).isEqualTo(LARGE.length);
    }
  }
}
