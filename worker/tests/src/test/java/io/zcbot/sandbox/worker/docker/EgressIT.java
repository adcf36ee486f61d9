/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import com.github.dockerjava.api.command.CreateContainerCmd;
import com.github.dockerjava.api.command.CreateNetworkCmd;
import com.github.dockerjava.api.model.Container;
import com.github.dockerjava.api.model.HostConfig;
import io.zcbot.sandbox.events.RefusedEgress;
import io.zcbot.sandbox.worker.docker.EngineFixture.Started;
import io.zcbot.sandbox.worker.docker.api.DockerEngineSettings;
import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.testkit.machine.Execs.Outcome;
import io.zcbot.sandbox.worker.testkit.machine.Execs.Said;
import io.zcbot.sandbox.worker.testkit.machine.SandboxImage;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.slf4j.LoggerFactory;

/**
 * What a sandbox reaches that may reach some names: a real engine, the real proxy, and servers and
 * a resolver with names of their own in another network. No other test has a proxy.
 */
@Tag("engine")
@Order(7)
@Isolated("other tests set the log up anew")
class EgressIT {
  private static final String SERVER =
      """
      import http.server, ssl, subprocess, threading
      subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                      '-days', '2', '-subj', '/CN=good.example', '-addext',
                      'subjectAltName=DNS:good.example,DNS:a.wild.example', '-keyout', '/tmp/k', '-out', '/tmp/c'],
                     check=True)
      class Handler(http.server.BaseHTTPRequestHandler):
          protocol_version = 'HTTP/1.1'
          def do_GET(self):
              body = ('hello ' + self.headers.get('Host', '')).encode()
              self.send_response(200)
              self.send_header('Content-Length', str(len(body)))
              self.end_headers()
              self.wfile.write(body)
      tls = http.server.ThreadingHTTPServer(('', 443), Handler)
      context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
      context.load_cert_chain('/tmp/c', '/tmp/k')
      tls.socket = context.wrap_socket(tls.socket, server_side=True)
      threading.Thread(target=tls.serve_forever).start()
      http.server.ThreadingHTTPServer(('', 80), Handler).serve_forever()
      """;

  /**
   * Sends a client hello with the extension encrypted_client_hello, or with another unknown one.
   */
  private static final String HELLO =
      """
      import socket, ssl, struct
      def hello(extension):
          received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
          client = ssl._create_unverified_context().wrap_bio(received, sent, server_hostname='good.example')
          try: client.do_handshake()
          except ssl.SSLWantReadError: pass
          data, more = bytearray(sent.read()), struct.pack('>HH', extension, 8) + bytes(8)
          def grow(at, size):
              data[at:at + size] = (int.from_bytes(data[at:at + size], 'big') + len(more)).to_bytes(size, 'big')
          at = 43 + 1 + data[43]
          at += 2 + int.from_bytes(data[at:at + 2], 'big')
          grow(at + 1 + data[at], 2); grow(3, 2); grow(6, 3)
          return bytes(data) + more
      with socket.create_connection(('good.example', 443), 10) as server:
          server.sendall(hello(%s))
          try: print('answer', server.recv(1)[0])
          except (OSError, IndexError): print('refused')
      """;

  private static final Logger log =
      (Logger) LoggerFactory.getLogger("io.zcbot.sandbox.worker.docker.firewall.EgressRefusals");

  @TempDir static Path directory;
  private static EngineFixture fixture;
  private static final List<String> world = new ArrayList<>();
  private static final ListAppender<ILoggingEvent> refusals = new ListAppender<>();
  private static String worldNetwork;
  private static String server;
  private static SandboxSpec spec;
  private static Started sandbox;

  @BeforeAll
  static void start() throws Exception {
    log.setLevel(Level.INFO);
    refusals.start();
    log.addAppender(refusals);
    fixture = new EngineFixture(directory, Duration.ofSeconds(60));
    worldNetwork = "zcbot-world-" + fixture.worker;
    try (CreateNetworkCmd command = fixture.docker.createNetworkCmd()) {
      command.withName(worldNetwork).exec();
    }
    server = address(run(SandboxImage.NAME, "python3", "-c", SERVER));
    String resolver =
        address(
            run(
                DockerEngineSettings.EGRESS_IMAGE,
                "dnsmasq",
                "--keep-in-foreground",
                "--user=egress",
                "--group=egress",
                "--no-resolv",
                "--no-hosts",
                "--pid-file=",
                "--log-queries",
                "--log-facility=-",
                "--address=/good.example/" + server,
                "--address=/wild.example/" + server,
                "--address=/other.example/" + server,
                "--address=/private.example/10.77.0.1",
                "--address=/six.example/fd00::1",
                "--address=/metadata.example/169.254.169.254"));
    // The address of the server is private, so it is listed, too: for these ports of it alone.
    NetworkPolicy policy =
        new NetworkPolicy(
            FirewallMode.HOST,
            new Egress.ByName(
                List.of(
                    "good.example",
                    "*.wild.example",
                    "private.example",
                    "metadata.example",
                    "six.example"),
                List.of(server + ":443", server + ":80")),
            new Dns.Resolvers(List.of(resolver)),
            List.of());
    spec = fixture.withPolicy(policy);
    sandbox = fixture.start(spec);
  }

  @AfterAll
  static void stop() throws Exception {
    log.detachAppender(refusals);
    log.setLevel(null);
    fixture.removeContainers();
    for (String id : world) {
      fixture.docker.removeContainerCmd(id).withForce(true).exec();
    }
    fixture.removeNetwork(worldNetwork);
    fixture.close();
  }

  private static String run(String image, String... command) {
    try (CreateContainerCmd create = fixture.docker.createContainerCmd(image)) {
      String id =
          create
              .withEntrypoint(command)
              .withCmd(List.of())
              .withUser("0:0")
              .withHostConfig(HostConfig.newHostConfig().withNetworkMode(worldNetwork))
              .exec()
              .getId();
      world.add(id);
      fixture.docker.startContainerCmd(id).exec();
      return id;
    }
  }

  private static String address(String id) {
    return Objects.requireNonNull(
        fixture
            .docker
            .inspectContainerCmd(id)
            .exec()
            .getNetworkSettings()
            .getNetworks()
            .get(worldNetwork)
            .getIpAddress());
  }

  private static Outcome curl(String arguments) throws InterruptedException {
    return fixture.bash(sandbox.id(), "curl -sSk --max-time 20 " + arguments + " 2>&1");
  }

  private static void assertRefusal(String text) {
    await("a line about " + text)
        .atMost(Duration.ofSeconds(10))
        .until(
            () ->
                List.copyOf(refusals.list).stream()
                    .anyMatch(
                        event ->
                            event.getFormattedMessage().contains(text)
                                && sandbox
                                    .user()
                                    .toString()
                                    .equals(event.getMDCPropertyMap().get("user"))));
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '"',
      value = {
        "https://good.example/, hello good.example",
        "http://good.example/, hello good.example",
        "https://a.wild.example/, hello a.wild.example",
        // whatever address a program takes for it, the name is what is dialled
        "--resolve good.example:443:8.8.8.8 https://good.example/, hello good.example",
      })
  void allowedNamesAreReached(String arguments, String answer) throws Exception {
    assertThat(curl(arguments).output()).isEqualTo(answer);
  }

  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '"',
      value = {
        "https://other.example/, dns to other.example on port 53 (not-allowed)",
        "--resolve other.example:443:8.8.8.8 https://other.example/, tls to other.example on port 443"
            + " (not-allowed)",
        "--resolve other.example:80:8.8.8.8 http://other.example/, http to other.example on port 80"
            + " (not-allowed)",
        "-H \"Host: other.example\" http://good.example/, http to other.example on port 80"
            + " (not-allowed)",
        "--connect-to ::8.8.8.8:443 https://wild.example/, tls to wild.example on port 443"
            + " (not-allowed)",
        "--connect-to ::8.8.8.8:8443 https://good.example:8443/, tls to good.example on port 8443"
            + " (not-allowed)",
        "https://8.8.8.8/, tls to - on port 443 (no-name)",
        "http://8.8.8.8/, http to 8.8.8.8 on port 80 (address)",
        "http://good.example:443/, http to - on port 443 (protocol)",
        "https://private.example/, tls to private.example on port 443 (private-address)",
        "http://good.example/ -o /dev/null --next -sS -H \"Host: other.example\" http://good.example/,"
            + " http to other.example on port 80 (not-allowed)",
        "--http2-prior-knowledge http://good.example/, tcp to - on port 80 (protocol)",
        "https://six.example/, tls to six.example on port 443 (forbidden-address)",
        "https://metadata.example/, tls to metadata.example on port 443 (forbidden-address)",
      })
  void allElseIsRefusedWithALineThatSaysWhy(String arguments, String line) throws Exception {
    assertThat(curl(arguments.replace('"', '\'')).output()).doesNotContain("hello");
    assertRefusal(line);
  }

  /** What {@code sandbox get} shows. */
  @Test
  void theLastRefusalsOfASandboxAreKept() throws Exception {
    Started other = fixture.start(spec);
    for (int i = 0; i < 12; i++) {
      fixture.bash(other.id(), "getent hosts n" + i + ".example; getent hosts again.example");
    }
    await("the last ones")
        .atMost(Duration.ofSeconds(10))
        .until(
            () -> fixture.sandboxes(spec).refused(other.id()),
            all -> all.size() == 10 && all.getLast().equals(dns(all.getLast().at(), "again")));
    List<RefusedEgress> refused = fixture.sandboxes(spec).refused(other.id());
    assertThat(refused.getFirst()).isEqualTo(dns(refused.getFirst().at(), "n3"));
    assertThat(refused.getFirst().at()).isBetween(Instant.now().minusSeconds(60), Instant.now());
    assertThat(fixture.sandboxes(spec).refused("another")).isEmpty();
  }

  private static RefusedEgress dns(Instant at, String host) {
    return new RefusedEgress(at, "dns", host + ".example", 53, "not-allowed");
  }

  @Test
  void addressesAreRefusedWithoutTheProxy() throws Exception {
    for (String address : List.of("169.254.169.254", "10.77.0.1", server + ":8080")) {
      Outcome outcome = curl("http://" + address + "/");
      assertThat(outcome.exitCode()).as(outcome.output()).isEqualTo(7); // at once
    }
    String gateway = Objects.requireNonNull(fixture.attachment(sandbox.id()).getGateway());
    assertThat(fixture.bash(sandbox.id(), ": </dev/tcp/" + gateway + "/61080").exitCode())
        .isNotZero();
  }

  @Test
  void aHiddenNameIsRefused() throws Exception {
    assertThat(fixture.python(sandbox.id(), HELLO.formatted("0xfe0d")).output())
        .contains("refused");
    assertRefusal("tls to good.example on port 443 (ech)");
    assertThat(fixture.python(sandbox.id(), HELLO.formatted("0xfafa")).output())
        .as("the same with another extension")
        .contains("answer 22");
  }

  /** In two records, a server would read other fields than the proxy. */
  @Test
  void aHelloThatDoesNotFillItsRecordIsRefused() throws Exception {
    String longer =
        HELLO.replace(
            "server.sendall(hello(%s))",
            "data = bytearray(hello(0xfafa)); data += bytes(4)\n"
                + "    data[3:5] = (int.from_bytes(data[3:5], 'big') + 4).to_bytes(2, 'big')\n"
                + "    server.sendall(data)");
    assertThat(fixture.python(sandbox.id(), longer).output()).contains("refused");
    assertRefusal("tls to good.example on port 443 (hello)");
  }

  @Test
  void quicAndOtherDatagramsAreRefused() throws Exception {
    String datagram =
        """
        import socket, time
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.connect((socket.gethostbyname('good.example'), 443))
        client.settimeout(5)
        try:
            for _ in range(3):
                client.send(b'x')
                time.sleep(0.2)
            print('sent', client.recv(1))
        except TimeoutError: print('nothing')
        except OSError as e: print('refused', e.errno)
        """;
    assertThat(fixture.python(sandbox.id(), datagram).output()).contains("refused");
  }

  /** Names are a channel: what a sandbox asks for may be said to nobody. */
  @Test
  void theResolverAsksNobody() throws Exception {
    String ask =
        """
        import socket
        for name in ('secret-data.other.example', 'good.example', 'secret-data.good.example'):
            try: print(name, socket.gethostbyname(name))
            except socket.gaierror as e: print(name, e.errno)
        """;
    assertThat(fixture.python(sandbox.id(), ask).output().lines())
        .satisfiesExactly(
            line -> assertThat(line).startsWith("secret-data.other.example -"),
            line -> assertThat(line).isEqualTo("good.example 198.18.0.1"),
            line -> assertThat(line).startsWith("secret-data.good.example -"));
    assertThat(queries()).noneMatch(line -> line.contains("secret-data"));
  }

  private static List<String> queries() throws Exception {
    Said said = new Said();
    fixture
        .docker
        .logContainerCmd(world.get(1))
        .withStdOut(true)
        .withStdErr(true)
        .exec(said)
        .awaitCompletion();
    assertThat(said.toString()).as("queries are logged").contains("query[A] good.example");
    return said.toString().lines().toList();
  }

  @Test
  void withoutTheProxyNothingIsReachedUntilItIsBack() throws Exception {
    assertThat(curl("https://good.example/").output()).isEqualTo("hello good.example");
    Container killed = proxies().getFirst();
    fixture.docker.killContainerCmd(killed.getId()).exec();

    // The first tries may meet none, and all meet either none or the next one.
    await("names are reached again")
        .atMost(Duration.ofSeconds(60))
        .until(
            () -> {
              fixture.sandboxes(spec).checkFirewall();
              return curl("https://good.example/").output().equals("hello good.example");
            });
    assertThat(proxies()).singleElement().extracting(Container::getId).isNotEqualTo(killed.getId());
    assertThat(curl("--connect-to ::8.8.8.8:443 https://other.example/").output())
        .doesNotContain("hello");
  }

  private static List<Container> proxies() {
    return fixture
        .docker
        .listContainersCmd()
        .withLabelFilter(Map.of("zcbot.worker", fixture.worker, "zcbot.product", "sandbox-egress"))
        .exec();
  }
}
