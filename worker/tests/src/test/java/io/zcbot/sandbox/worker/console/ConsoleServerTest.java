/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.console;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.security.Row;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Speaks HTTP directly, because HTTP clients set the headers themselves that matter here. */
class ConsoleServerTest {
  private static final int DEADLINE_MS = 60_000;
  private final TestFleet fleet = new TestFleet();
  private final List<Socket> open = new ArrayList<>();
  private ConsoleServer server;

  @BeforeEach
  void start() throws IOException {
    server =
        ConsoleServer.start(
            new InetSocketAddress(InetAddress.getLoopbackAddress(), 0),
            URI.create("https://console.example/x"),
            fleet.fleet);
  }

  @AfterEach
  void stop() throws IOException {
    for (Socket socket : open) {
      socket.close();
    }
    server.close();
  }

  private Socket send(String method, String path, String... headers) throws IOException {
    Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.address().getPort());
    open.add(socket);
    socket.setSoTimeout(DEADLINE_MS);
    String request = method + " " + path + " HTTP/1.1\r\n" + String.join("\r\n", headers);
    socket
        .getOutputStream()
        .write((request + "\r\nConnection: close\r\n\r\n").getBytes(StandardCharsets.UTF_8));
    return socket;
  }

  private String get(String path, String... headers) throws IOException {
    return new String(
        send("GET", path, headers).getInputStream().readAllBytes(), StandardCharsets.UTF_8);
  }

  /** Reads until the answer contains a text. */
  private static String until(Socket socket, String text) throws IOException {
    ByteArrayOutputStream read = new ByteArrayOutputStream();
    InputStream in = socket.getInputStream();
    while (!read.toString(StandardCharsets.UTF_8).contains(text)) {
      int next = in.read();
      assertThat(next).describedAs("the answer so far: %s", read).isNotNegative();
      read.write(next);
    }
    return read.toString(StandardCharsets.UTF_8);
  }

  @Test
  void thePageAndItsFilesAreServedWithWhatABrowserShouldRefuse() throws Exception {
    for (String path : List.of("/", "/console.css", "/console.js", "/table.js", "/format.js")) {
      String answer = get(path, "Host: localhost");
      assertThat(answer)
          .startsWith("HTTP/1.1 200")
          .containsIgnoringCase("Content-Security-Policy: " + SafeHeaders.POLICY)
          .containsIgnoringCase("X-Content-Type-Options: nosniff")
          .containsIgnoringCase("X-Frame-Options: DENY")
          .containsIgnoringCase("Cache-Control: no-store");
    }
    assertThat(get("/", "Host: localhost"))
        .contains("text/html")
        .doesNotContain("http://", "https://", "style=", "onclick");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"localhost", "LOCALHOST:1", "127.0.0.1:8090", "[::1]:8090", "console.example:443"})
  void itAnswersToItsOwnNames(String host) throws Exception {
    assertThat(get("/", "Host: " + host)).startsWith("HTTP/1.1 200");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "Host: evil.example",
        "Host: localhost.evil.example",
        "Host: evil.example:8090",
        "Host: console.example@evil.example",
        "Host: 127.0.0.1:80:80",
        "Host:",
        "X-Host: localhost",
        "Host: localhost\r\nHost: evil.example"
      })
  @Row(73)
  void itAnswersToNoOtherName(String host) throws Exception {
    assertThat(get("/events", host)).matches("(?s)HTTP/1.1 4(00|21) .*").doesNotContain("data:");
  }

  @Test
  void pagesOfOtherSitesGetNothing() throws Exception {
    String user = "/user?id=" + TestFleet.user(1);
    assertThat(get(user, "Host: localhost", "Sec-Fetch-Site: cross-site")).contains(" 403 ");
    assertThat(get(user, "Host: localhost", "Sec-Fetch-Site: same-site")).contains(" 403 ");
    assertThat(get(user, "Host: localhost", "Sec-Fetch-Site: same-origin")).contains(" 200 ");
    String[] link = {"Host: localhost", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate"};
    assertThat(get("/", link)).contains(" 200 ");
    assertThat(get(user, link)).contains(" 403 ");
    assertThat(get("/events", link)).contains(" 403 ");
  }

  @ParameterizedTest
  @ValueSource(strings = {"POST", "PUT", "DELETE", "OPTIONS"})
  void nothingCanBeChanged(String method) throws Exception {
    Socket socket = send(method, "/user?id=" + TestFleet.user(1), "Host: localhost");
    assertThat(until(socket, "\r\n\r\n"))
        .contains(" 405 ")
        .containsIgnoringCase("Allow: GET, HEAD");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"/user", "/user?id=", "/user?id=x", "/user?x=1", "/user?id=../../etc/passwd"})
  void aUserThatIsNoneIsRefused(String path) throws Exception {
    assertThat(get(path, "Host: localhost")).contains(" 400 ").contains("a UUID in lower case");
  }

  @ParameterizedTest
  @ValueSource(strings = {"/nothing", "/console.html", "/../console.js", "/console.js/x"})
  void thereAreNoOtherPaths(String path) throws Exception {
    assertThat(get(path, "Host: localhost")).contains(" 404 ");
  }

  @Test
  void aUsersTimelineIsServed() throws Exception {
    fleet.ensure(1, "n1", 5);
    assertThat(get("/user?id=" + TestFleet.user(1), "Host: localhost"))
        .contains("application/json")
        .contains("by gateway");
  }

  @Test
  void eventsTellOfTheFleetAndThenOfWhatIsNew() throws Exception {
    fleet.live(1, 10);
    Socket stream = send("GET", "/events", "Host: localhost");
    String first = until(stream, "event: letters");
    assertThat(first)
        .containsIgnoringCase("Content-Type: text/event-stream")
        .containsIgnoringCase("X-Accel-Buffering: no")
        .contains("event: overview", "event: sandboxes", "\"id-1\"", "event: failures");
    fleet.live(2, 10);
    assertThat(until(stream, "\"id-2\"")).doesNotContain("\"id-1\"");
  }

  @Test
  void aPageThatComesBackIsSentWhatItLacks() throws Exception {
    fleet.live(1, 10);
    Socket stream = send("GET", "/events", "Host: localhost");
    String id = until(until(stream, "event: letters"), stream);
    stream.close();
    fleet.live(2, 10);
    Socket again = send("GET", "/events", "Host: localhost", "Last-Event-ID: " + id);
    assertThat(until(again, "\"id-2\"")).doesNotContain("\"id-1\"");
    Socket others = send("GET", "/events", "Host: localhost", "Last-Event-ID: 0-1-1-1-1");
    assertThat(until(others, "\"id-2\"")).contains("\"id-1\"");
  }

  /** The id of the last event whose beginning was read. */
  private static String until(String read, Socket stream) throws IOException {
    assertThat(read).endsWith("event: letters");
    String rest = until(stream, "\ndata:");
    return rest.replaceAll("(?s).*id: ([^\\n]*)\\n.*", "$1");
  }

  @Test
  void noMorePagesAreServedAtOnceThanTheBound() throws Exception {
    for (int i = 0; i < 16; i++) {
      until(send("GET", "/events", "Host: localhost"), "event: overview");
    }
    assertThat(get("/events", "Host: localhost")).contains(" 503 ");
    assertThat(get("/", "Host: localhost")).contains(" 200 ");
  }
}
