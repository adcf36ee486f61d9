/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static io.zcbot.sandbox.worker.docker.FakeDockerApi.eof;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.half;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.hang;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.reset;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.status;
import static io.zcbot.sandbox.worker.docker.FakeDockerApi.stream;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.worker.docker.FakeDockerApi.Reply;
import io.zcbot.sandbox.worker.docker.api.DockerEngineSettings;
import io.zcbot.sandbox.worker.docker.api.PlainRequests;
import io.zcbot.sandbox.worker.engine.Container;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import java.io.IOException;
import java.io.InputStream;
import java.net.StandardProtocolFamily;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class QuickViewTest {
  private static final String USER = "7f3c1d52-9a54-4c0e-8f2b-6f1d2f6f7a10";
  private static final String LISTED =
      """
      [{"Id":"c1","Names":["/zcbot-sandbox-%1$s"],"State":"running",
        "Labels":{"zcbot.product":"sandbox","zcbot.user_id":"%1$s"}}]\
      """
          .formatted(USER);
  private static final String INSPECTED =
      """
      {"Id":"c1","Name":"/zcbot-sandbox-%1$s",
       "State":{"Status":"running","StartedAt":"2026-11-26T08:00:00Z","ExitCode":0},
       "Config":{"Labels":{"zcbot.product":"sandbox","zcbot.user_id":"%1$s"}}}\
      """
          .formatted(USER);
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  @TempDir private Path home;
  private FakeDockerApi fake;
  private final AtomicInteger clients = new AtomicInteger();

  @BeforeEach
  void setUp() throws IOException {
    fake = new FakeDockerApi();
  }

  @AfterEach
  void tearDown() throws IOException {
    fake.close();
  }

  private QuickView view(Duration patience) {
    return new QuickView(
        new PlainRequests(fake.address(), patience),
        "w1",
        () -> {
          clients.incrementAndGet();
          Duration most = Duration.ofSeconds(30);
          return fake.client(
              new DockerEngineSettings(most, most, most, most, 4), SandboxMetrics.NONE);
        });
  }

  private static Reply raw(String answer) {
    return (_, out) -> out.write(answer.getBytes(ISO_8859_1));
  }

  @Test
  void noClientIsMadeForWhatPlainRequestsTell() throws Exception {
    fake.on("GET", "/containers/json", stream(LISTED.getBytes(UTF_8)))
        .on("GET", "/containers/c1/json", stream(INSPECTED.getBytes(UTF_8)));

    try (QuickView view = view(PATIENCE)) {
      assertThat(view.list()).extracting(Container::id).containsExactly("c1");
      Container found = view.find("c1").orElseThrow();
      assertThat(found.startedAt()).isNotNull();
      assertThat(String.valueOf(found.user())).isEqualTo(USER);
    }
    assertThat(clients).hasValue(0);
  }

  @Test
  void whatIsNoWholeSuccessIsAskedOfAClient() throws Exception {
    String head = "HTTP/1.1 200 OK\r\n";
    for (Reply reply :
        List.of(
            eof(),
            reset(),
            half("["),
            stream("[{".getBytes(UTF_8)),
            stream("{}".getBytes(UTF_8)),
            raw(head),
            raw("HTTP/1.1 201 OK\r\n\r\n[]"),
            raw("SSH-2.0-x\r\n\r\n[]"),
            raw(head + "Content-Length: 1\r\n\r\n[]"),
            raw(head + "transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n"))) {
      fake.on("GET", "/containers/json", reply, status(200, LISTED));
      clients.set(0);
      try (QuickView view = view(PATIENCE)) {
        assertThat(view.list()).extracting(Container::id).containsExactly("c1");
      }
      assertThat(clients).hasValue(1);
    }
  }

  @Test
  void anEngineThatSaysNothingIsNotWaitedForWithoutEnd() throws Exception {
    fake.on("GET", "/containers/json", hang(), status(200, LISTED));
    try (QuickView view = view(Duration.ofMillis(200))) {
      assertThat(view.list()).hasSize(1);
    }
    assertThat(clients).hasValue(1);
  }

  @Test
  void aFailureIsWhatAClientMakesOfIt() throws Exception {
    fake.on("GET", "/containers/c1/json", FakeDockerApi.error(404, "No such container: c1"))
        .on("GET", "/containers/json", FakeDockerApi.error(403, "not you"));
    try (QuickView view = view(Duration.ofMillis(200))) {
      assertThat(view.find("c1")).isEmpty();
      assertThatThrownBy(view::list)
          .isInstanceOf(EngineException.class)
          .hasMessageContaining("not you");
    }
    assertThat(clients).as("one for all that needs it").hasValue(1);
  }

  @Test
  void anAnswerWithoutEndIsBounded() throws Exception {
    byte[] much = new byte[1 << 20];
    fake.on(
        "GET",
        "/x",
        (_, out) -> {
          out.write("HTTP/1.0 200 OK\r\n\r\n".getBytes(ISO_8859_1));
          for (int i = 0; i < 100; i++) {
            out.write(much);
          }
        });
    assertThatThrownBy(() -> new PlainRequests(fake.address(), PATIENCE).get("/x"))
        .isInstanceOf(IOException.class)
        .hasMessageContaining("no end");
  }

  @Test
  void aSocketIsAFile() throws Exception {
    Path socket = home.resolve("engine.sock");
    try (ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      server.bind(UnixDomainSocketAddress.of(socket));
      Thread.ofVirtual()
          .start(
              () -> {
                try (SocketChannel channel = server.accept()) {
                  InputStream in = Channels.newInputStream(channel);
                  StringBuilder request = new StringBuilder();
                  while (request.indexOf("\r\n\r\n") < 0) {
                    request.append((char) in.read());
                  }
                  Channels.newOutputStream(channel)
                      .write(
                          ("HTTP/1.0 200 OK\r\nContent-Length: 21\r\n\r\n"
                                  + request.substring(0, 21))
                              .getBytes(ISO_8859_1));
                } catch (IOException e) {
                  throw new AssertionError(e);
                }
              });
      PlainRequests requests =
          new PlainRequests(
              PlainRequests.address("unix://" + socket, Map.of("DOCKER_TLS_VERIFY", "1"), home),
              PATIENCE);
      assertThat(new String(requests.get("/version"), UTF_8)).isEqualTo("GET /version HTTP/1.0");
    }
  }

  @Test
  void whereAClientIsNeededThereIsNoPlainAddress() throws Exception {
    assertThat(PlainRequests.address("tcp://127.0.0.1:2375", Map.of(), home))
        .isEqualTo(URI.create("tcp://127.0.0.1:2375"));
    assertThat(PlainRequests.address(null, Map.of(), home))
        .isEqualTo(URI.create("unix:///var/run/docker.sock"));

    Map<String, String> tls = Map.of("DOCKER_TLS_VERIFY", "1");
    assertThat(PlainRequests.address("tcp://127.0.0.1:2376", tls, home)).isNull();
    for (String other :
        List.of("", "unix:x", "tcp://127.0.0.1", "tcp://127.0.0.1:1/x", "npipe:////./pipe/x")) {
      assertThat(PlainRequests.address(other, Map.of(), home)).as(other).isNull();
    }
    assertThat(PlainRequests.address(null, Map.of("DOCKER_CONTEXT", "far"), home)).isNull();
    Path config = Files.createDirectory(home.resolve(".docker")).resolve("config.json");
    Files.writeString(config, "{\"auths\":{}}");
    assertThat(PlainRequests.address(null, Map.of(), home)).isNotNull();
    Files.writeString(config, "{\"currentContext\":\"far\"}");
    assertThat(PlainRequests.address(null, Map.of(), home)).isNull();
    assertThat(PlainRequests.address(null, Map.of("DOCKER_CONFIG", "/nowhere"), home)).isNotNull();
    Files.createFile(home.resolve(".docker-java.properties"));
    assertThat(PlainRequests.address(null, Map.of("DOCKER_CONFIG", "/nowhere"), home)).isNull();
  }
}
