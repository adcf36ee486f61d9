/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.gateway.ports;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import io.helidon.http.Status;
import io.helidon.webserver.WebServer;
import io.helidon.webserver.http.FilterChain;
import io.helidon.webserver.http.HttpRouting;
import io.helidon.webserver.http.RoutingRequest;
import io.helidon.webserver.http.RoutingResponse;
import java.io.IOException;
import java.net.Socket;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicReference;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Answers that come while the client still sends its body, over real sockets. Checks of a whole
 * gateway don't choose when a sandbox answers.
 */
class ExchangeTest {
  private static WebServer server;

  @BeforeAll
  static void start() {
    server =
        WebServer.builder()
            .host("127.0.0.1")
            .port(0)
            .shutdownHook(false)
            .routing(HttpRouting.builder().addFilter(ExchangeTest::pass))
            .build()
            .start();
  }

  @AfterAll
  static void stop() {
    server.stop();
  }

  /** Passes a request on to a server that answers the head, or to a port that is not open. */
  private static void pass(FilterChain chain, RoutingRequest request, RoutingResponse response) {
    boolean isOpen = request.path().path().equals("/open");
    AtomicReference<PortConnection> port = new AtomicReference<>();
    try (PortConnection connection =
        new PortConnection(
            1, frame -> answer(port.get(), frame, isOpen), new Semaphore(0), () -> {})) {
      port.set(connection);
      new Exchange(request, response, connection).run();
    } catch (PortException e) {
      response.status(Status.create(e.status())).send("refused");
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  private static void answer(PortConnection port, byte[] frame, boolean isOpen) {
    if (!new String(frame, ISO_8859_1).contains(" HTTP/1.1\r\n")) {
      return;
    }
    if (isOpen) {
      byte[] answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi".getBytes(ISO_8859_1);
      port.frame(Frames.DATA, answer.length, answer);
    } else {
      port.frame(Frames.RESET, Frames.NOT_OPEN, new byte[0]);
    }
  }

  /** Two threads would read what is left, and one of them might take it for a request. */
  @Test
  void theConnectionIsClosedIfThereIsAnAnswerBeforeTheBodyWasSent() throws Exception {
    for (String path : List.of("/open", "/closed")) {
      for (String length : List.of("Content-Length: 100000", "Transfer-Encoding: chunked")) {
        String head = "POST " + path + " HTTP/1.1\r\nHost: x\r\n" + length + "\r\n\r\n";
        assertThat(answers(head))
            .as(head)
            .startsWith(path.equals("/open") ? "HTTP/1.1 200 " : "HTTP/1.1 502 ")
            .containsIgnoringCase("\r\nConnection: close\r\n");
      }
    }
  }

  @Test
  void theConnectionIsKeptIfTheBodyWasSent() throws Exception {
    String small = "POST /open HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc";
    assertThat(answers(small + small).split("HTTP/1.1 200 ", -1)).hasSize(3);
  }

  /** Sends bytes and no more, and reads until the server closes the connection. */
  private static String answers(String bytes) throws IOException {
    try (Socket client = new Socket("127.0.0.1", server.port())) {
      client.setSoTimeout(30_000);
      client.getOutputStream().write(bytes.getBytes(ISO_8859_1));
      client.shutdownOutput();
      return new String(client.getInputStream().readAllBytes(), ISO_8859_1);
    }
  }
}
