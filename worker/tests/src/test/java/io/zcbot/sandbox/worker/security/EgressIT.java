/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import com.github.dockerjava.api.model.Capability;
import com.github.dockerjava.api.model.Container;
import com.github.dockerjava.api.model.ExposedPort;
import com.github.dockerjava.api.model.PortBinding;
import com.github.dockerjava.api.model.Ports;
import io.zcbot.sandbox.events.RefusedEgress;
import io.zcbot.sandbox.worker.docker.EngineFixture.Started;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.testkit.machine.Execs.Outcome;
import io.zcbot.sandbox.worker.testkit.machine.SandboxImage;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.Isolated;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.slf4j.LoggerFactory;

/**
 * What a sandbox reaches that may reach some names: a real engine, the real proxy, and servers and
 * a resolver with names of their own in another network. The controls are in that network, where
 * every name is reached. {@link NetworkIT} has the policies without names.
 */
@Tag("engine")
@Tag("network-namespaces")
@Tag("gvisor")
@Order(7)
@Isolated("other tests set the log up anew")
class EgressIT extends Attacks {
  static final String SERVER =
      """
      import http.server, socket, ssl, subprocess, threading
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
          def do_CONNECT(self):
              self.send_response(200)
              self.end_headers()
      context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
      context.load_cert_chain('/tmp/c', '/tmp/k')
      for port in (443, 8443):
          tls = http.server.ThreadingHTTPServer(('', port), Handler)
          tls.socket = context.wrap_socket(tls.socket, server_side=True)
          threading.Thread(target=tls.serve_forever).start()
      def datagrams():
          with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
              s.bind(('', 443))
              while True: s.sendto(b'answer', s.recvfrom(9)[1])
      threading.Thread(target=datagrams).start()
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

  private static final List<String> NAMES =
      List.of(
          "good.example",
          "*.wild.example",
          "private.example:8000",
          "metadata.example:8000",
          "six.example",
          "neighbour.example:8000",
          "host.example:8000");

  private static final Logger log =
      (Logger) LoggerFactory.getLogger("io.zcbot.sandbox.worker.docker.firewall.EgressRefusals");

  private final ListAppender<ILoggingEvent> lines = new ListAppender<>();
  private Elsewhere elsewhere;
  private NamedServers servers;
  private SandboxSpec spec;
  private Started sandbox;

  /** In the servers' network, without rules, and with their resolver. */
  private String control;

  /** The address of a sandbox, and one of the host, at which something serves. */
  private String neighbour;

  private String published;

  @BeforeParameterizedClassInvocation
  void serve() throws Exception {
    if (profile == Profile.RUNC_CONTAINER) {
      return; // nothing applies
    }
    log.setLevel(Level.INFO);
    lines.start();
    log.addAppender(lines);
    elsewhere = new Elsewhere(lab);
    neighbour = requireNonNull(lab.fixture.attachment(lab.sandbox.id()).getIpAddress());
    lab.fixture.background(lab.sandbox.id(), "python3", "-m", "http.server", "8000");
    servers = new NamedServers(lab.fixture);
    published = servers.gateway();
    servers.serve(
        SandboxImage.NAME, SERVER, "curl -sk https://localhost/ && curl -s http://localhost/");
    servers.resolve(
        List.of("good.example", "wild.example", "other.example"),
        Map.of(
            "private.example",
            elsewhere.privates().getFirst(),
            "metadata.example",
            elsewhere.metadata(),
            "six.example",
            "fd00::1",
            "neighbour.example",
            neighbour,
            "host.example",
            published),
        // of the types SVCB and HTTPS, for this name itself
        List.of("--dns-rr=good.example,64,000100", "--dns-rr=good.example,65,000100"));
    publish();
    // The address of the server is private, so it is listed, too: for these ports of it alone.
    // Whatever else the list has, it opens no neighbour and no port that is published.
    spec =
        NamedServers.with(
            servers.policy(
                NAMES,
                List.of(
                    servers.server + ":443",
                    servers.server + ":80",
                    published + ":8000",
                    bridgesNetwork())),
            lab.spec);
    sandbox = lab.fresh(spec);
    control = lab.without(host -> host.withNetworkMode(servers.network).withDns(servers.resolver));
    await("the control reaches the private address")
        .atMost(Duration.ofSeconds(60))
        .until(() -> curl(control, "http://private.example:8000/").exitCode() == 0);
  }

  private String bridgesNetwork() {
    return requireNonNull(
            lab.fixture
                .docker
                .inspectNetworkCmd()
                .withNetworkId(lab.fixture.network)
                .exec()
                .getIpam()
                .getConfig())
        .stream()
        .map(config -> String.valueOf(config.getSubnet()))
        .filter(subnet -> !subnet.contains(":"))
        .findFirst()
        .orElseThrow();
  }

  private void publish() throws Exception {
    ExposedPort port = ExposedPort.tcp(8000);
    String container =
        lab.control(
            command -> {
              command.withExposedPorts(port);
              lab.onHostsKernel(command.getHostConfig());
              command
                  .getHostConfig()
                  .withNetworkMode(servers.network)
                  .withPortBindings(
                      new PortBinding(Ports.Binding.bindIpAndPort(published, 8000), port));
            },
            lab.sandbox);
    lab.fixture.background(container, "python3", "-m", "http.server", "8000");
  }

  @AfterParameterizedClassInvocation
  void stop() throws Exception {
    log.detachAppender(lines);
    log.setLevel(null);
    if (elsewhere != null) {
      elsewhere.close();
      elsewhere = null;
    }
  }

  private Outcome curl(String container, String arguments) throws InterruptedException {
    return lab.fixture.bash(container, "curl -sSk --max-time 20 " + arguments + " 2>&1");
  }

  private Outcome curl(String arguments) throws InterruptedException {
    return curl(sandbox.id(), arguments);
  }

  /** Such a line as {@code sandbox get} shows. */
  private static String line(RefusedEgress refused) {
    return "%s to %s on port %d (%s)"
        .formatted(
            refused.protocol(),
            refused.name() == null ? "-" : refused.name(),
            refused.port(),
            refused.reason());
  }

  private void assertRefusal(String line) {
    await("a refusal: " + line)
        .atMost(Duration.ofSeconds(10))
        .until(
            () ->
                lab.fixture.sandboxes(spec).refused(sandbox.id()).stream()
                    .anyMatch(refused -> line(refused).equals(line)));
  }

  /** Refused in the sandbox, for this reason; reached in the control. */
  private void refused(String arguments, String line) throws Exception {
    assertThat(curl(arguments).output()).doesNotContain("hello");
    assertRefusal(line);
    assertThat(curl(control, arguments.replace("8.8.8.8", servers.server)).output())
        .as("without the proxy")
        .contains("hello");
  }

  @ParameterizedTest
  @CsvSource({
    "https://good.example/, hello good.example",
    "http://good.example/, hello good.example",
    "https://a.wild.example/, hello a.wild.example",
    // whatever address a program takes for it, the name is what is dialled
    "--resolve good.example:443:8.8.8.8 https://good.example/, hello good.example",
  })
  void allowedNamesAreReached(String arguments, String answer) throws Exception {
    applies(79);
    assertThat(curl(arguments).output()).isEqualTo(answer);
  }

  @Row(79)
  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '"',
      value = {
        "--resolve other.example:443:8.8.8.8 https://other.example/, tls to other.example on port 443 (not-allowed)",
        "--resolve other.example:80:8.8.8.8 http://other.example/, http to other.example on port 80 (not-allowed)",
        "-H 'Host: other.example' http://good.example/, http to other.example on port 80 (not-allowed)",
        "http://good.example/ -o /dev/null --next -sS -H 'Host: other.example' http://good.example/, http to other.example on port 80 (not-allowed)",
        "--connect-to ::8.8.8.8:443 https://wild.example/, tls to wild.example on port 443 (not-allowed)",
        "--connect-to good.example:8443:8.8.8.8:8443 https://good.example:8443/, tls to good.example on port 8443 (not-allowed)",
      })
  void namesThatAreNotListedAreRefused(String arguments, String line) throws Exception {
    applies(79);
    refused(arguments, line);
  }

  @Row(80)
  @ParameterizedTest
  @CsvSource({
    "https://8.8.8.8/, tls to - on port 443 (no-name)",
    "http://8.8.8.8/, http to 8.8.8.8 on port 80 (address)",
  })
  void addressesAreNoNames(String arguments, String line) throws Exception {
    applies(80);
    assertThat(curl(arguments).output()).doesNotContain("hello");
    assertRefusal(line);
    assertThat(curl(control, arguments.replace("8.8.8.8", servers.server)).output())
        .contains("hello");
  }

  @Row(80)
  @Test
  void addressesAreRefusedAtOnce() throws Exception {
    applies(80);
    String direct = "http://" + elsewhere.privates().getFirst() + ":8000/";
    for (String url :
        List.of(direct, "http://169.254.169.254/", "http://" + servers.server + ":8080/")) {
      Outcome outcome = curl(url);
      assertThat(outcome.exitCode()).as(outcome.output()).isEqualTo(7); // at once
    }
    assertThat(curl(control, direct).exitCode()).isZero();
    String gateway = requireNonNull(lab.fixture.attachment(sandbox.id()).getGateway());
    assertThat(lab.fixture.bash(sandbox.id(), ": </dev/tcp/" + gateway + "/61080").exitCode())
        .isNotZero();
  }

  @Row(81)
  @Test
  void aHiddenNameIsRefused() throws Exception {
    applies(81);
    String hidden = HELLO.formatted("0xfe0d");
    assertThat(lab.fixture.python(sandbox.id(), hidden).output()).contains("refused");
    assertRefusal("tls to good.example on port 443 (ech)");
    assertThat(lab.fixture.python(sandbox.id(), HELLO.formatted("0xfafa")).output())
        .as("the same with another extension")
        .contains("answer 22");
    assertThat(python(control, hidden)).contains("answer 22");
  }

  /** In two records, a server would read other fields than the proxy. */
  @Row(81)
  @Test
  void aHelloThatDoesNotFillItsRecordIsRefused() throws Exception {
    applies(81);
    String longer =
        HELLO.replace(
            "server.sendall(hello(%s))",
            "data = bytearray(hello(0xfafa)); data += bytes(4)\n"
                + "    data[3:5] = (int.from_bytes(data[3:5], 'big') + 4).to_bytes(2, 'big')\n"
                + "    server.sendall(data)");
    assertThat(lab.fixture.python(sandbox.id(), longer).output()).contains("refused");
    assertRefusal("tls to good.example on port 443 (hello)");
    assertThat(python(control, longer)).as("a server reads it").contains("answer");
  }

  @Row(82)
  @Test
  void aTunnelThroughAServerIsRefused() throws Exception {
    applies(82);
    refused(
        "-p -x http://good.example:80 http://other.example/",
        "http to other.example on port 80 (protocol)");
  }

  @Row(82)
  @ParameterizedTest
  @CsvSource({
    "http://good.example:443/, http to - on port 443 (protocol)",
    "https://good.example:80/, tls to - on port 80 (protocol)",
    "--http2-prior-knowledge http://good.example/, tcp to - on port 80 (protocol)",
  })
  void otherProtocolsThanThePortsAreRefused(String arguments, String line) throws Exception {
    applies(82);
    assertThat(curl(arguments).exitCode()).isNotZero();
    assertRefusal(line);
  }

  @Row(83)
  @Test
  void quicAndOtherDatagramsAreRefused() throws Exception {
    applies(83);
    String datagrams =
        """
        import socket, time
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        client.connect((socket.gethostbyname('good.example'), 443))
        client.settimeout(5)
        try:
            for _ in range(3):
                client.send(b'x')
                time.sleep(0.2)
            print('sent', client.recv(9))
        except TimeoutError: print('nothing')
        except OSError as e: print('refused', e.errno)
        """;
    assertThat(python(sandbox.id(), datagrams)).contains("refused");
    assertThat(python(control, datagrams)).contains("answer");
  }

  /** Such as those of a name that an attacker gives another address after it was checked. */
  @Row(84)
  @ParameterizedTest
  @CsvSource({
    "private.example, private-address",
    "metadata.example, forbidden-address",
  })
  void answersWithPrivateAddressesAreRefused(String name, String why) throws Exception {
    applies(84);
    String page = "http://" + name + ":8000/";
    assertThat(curl(page + " -o /dev/null -w '%{http_code}'").output()).isEqualTo("403");
    assertRefusal("http to " + name + " on port 8000 (" + why + ")");
    assertThat(curl(control, page + " -o /dev/null -w '%{http_code}'").output()).isEqualTo("200");
  }

  @Row(84)
  @Test
  void answersWithIpv6AddressesAreRefused() throws Exception {
    applies(84);
    assertThat(curl("https://six.example/").exitCode()).isNotZero();
    assertRefusal("tls to six.example on port 443 (forbidden-address)");
  }

  /** Asks a question of any type, and prints the code of the answer and how many records it has. */
  private static String ask(String resolver, String name, int type) {
    return """
        import socket
        name = b''.join(bytes([len(label)]) + label.encode() for label in '%s'.split('.'))
        question = bytes.fromhex('123401000001000000000000') + name + bytes([0, 0, %d, 0, 1])
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.settimeout(10)
        s.connect(('%s', 53))
        try:
            s.send(question)
            answer = s.recv(4096)
            print('code', answer[3] & 15, 'records', int.from_bytes(answer[6:8], 'big'))
        except OSError as e: print('refused', e.errno)
        """
        .formatted(name, type, resolver);
  }

  /** Names are a channel: what a sandbox asks for may be said to nobody. */
  @Row(85)
  @Test
  void theResolverAsksNobody() throws Exception {
    applies(85);
    int addresses = 1;
    for (String name : List.of("secret-data.other.example", "secret-data.good.example")) {
      assertThat(python(sandbox.id(), ask("127.0.0.11", name, addresses)))
          .isEqualTo("code 3 records 0");
    }
    assertThat(python(sandbox.id(), ask("127.0.0.11", "good.example", addresses)))
        .isEqualTo("code 0 records 1");
    assertRefusal("dns to secret-data.good.example on port 53 (not-allowed)");
    assertThat(python(control, ask(servers.resolver, "control-data.good.example", addresses)))
        .isEqualTo("code 0 records 1");
    assertThat(servers.queries("good.example"))
        .anyMatch(line -> line.contains("control-data"))
        .noneMatch(line -> line.contains("secret-data"));
  }

  /** They can name another server, and the key for an encrypted name. */
  @Row(85)
  @ParameterizedTest
  @CsvSource({"64", "65"})
  void recordsAboutServicesAreNotAnswered(int type) throws Exception {
    applies(85);
    assertThat(python(sandbox.id(), ask("127.0.0.11", "good.example", type)))
        .isEqualTo("code 0 records 0");
    assertThat(python(control, ask(servers.resolver, "good.example", type)))
        .isEqualTo("code 0 records 1");
  }

  @Row(85)
  @Test
  void otherResolversAreRefused() throws Exception {
    applies(85);
    for (String resolver : List.of(servers.resolver, "8.8.8.8")) {
      assertThat(python(sandbox.id(), ask(resolver, "good.example", 1))).startsWith("refused");
      Outcome outcome = curl("telnet://" + resolver + ":53 </dev/null");
      assertThat(outcome.exitCode()).as(outcome.output()).isEqualTo(7);
    }
    assertThat(python(control, ask(servers.resolver, "good.example", 1))).startsWith("code 0");
  }

  /** Whose names count is told by the source address. */
  @Row(86)
  @Test
  void noOtherSourceAddressCanBeTaken() throws Exception {
    applies(86);
    String take =
        """
        import socket
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for option in (15, 19): # IP_FREEBIND, IP_TRANSPARENT
            try: s.setsockopt(socket.IPPROTO_IP, option, 1)
            except OSError: pass
        try:
            s.bind(('%s', 0))
            s.connect(('%s', 53))
            print('sent', s.send(b'x'))
        except OSError as e: print('refused', e.errno)
        """;
    String neighbour = requireNonNull(lab.fixture.attachment(lab.sandbox.id()).getIpAddress());
    assertThat(python(sandbox.id(), take.formatted(neighbour, "198.18.0.1"))).startsWith("refused");

    String admin =
        lab.exposed(
            host ->
                host.withNetworkMode(servers.network)
                    .withCapDrop()
                    .withCapAdd(Capability.NET_ADMIN));
    String beside = servers.server.substring(0, servers.server.lastIndexOf('.')) + ".250";
    assertThat(
            lab.fixture
                .run(admin, "0:0", "python3", "-c", take.formatted(beside, servers.resolver))
                .output())
        .startsWith("sent");
  }

  /**
   * Though the list has the network of the sandboxes, and what a container of the host publishes.
   */
  @Row(86)
  @ParameterizedTest
  @CsvSource({"neighbour.example", "host.example"})
  void noListOpensNeighboursAndPublishedPorts(String name) throws Exception {
    applies(86);
    String address = name.startsWith("neighbour") ? neighbour : published;
    await("what serves at " + address)
        .atMost(Duration.ofSeconds(60))
        .ignoreExceptions()
        .until(
            () -> {
              String connect = "exec 3<>/dev/tcp/" + address + "/8000";
              if (name.startsWith("neighbour")) {
                return lab.fixture.bash(lab.sandbox.id(), connect).exitCode() == 0;
              }
              lab.onHost("bash", "-c", connect);
              return true;
            });
    for (String host : List.of(name, address)) {
      Outcome outcome = curl("-f http://" + host + ":8000/");
      assertThat(outcome.exitCode()).as(host + ": " + outcome.output()).isNotZero();
    }
    assertThat(curl("--connect-to ::8.8.8.8:8000 -f http://" + name + ":8000/").exitCode())
        .isNotZero();
  }

  /** What {@code sandbox get} shows. */
  @Test
  void theLastRefusalsOfASandboxAreKept() throws Exception {
    applies(79);
    Started other = lab.fresh(spec);
    // at a pace at which each has a line
    lab.fixture.bash(
        other.id(),
        "getent hosts again.example; for i in {0..11}; do getent hosts n$i.example; sleep 0.2;"
            + " done; sleep 1; getent hosts again.example");
    await("the last ones")
        .atMost(Duration.ofSeconds(10))
        .untilAsserted(
            () ->
                assertThat(lab.fixture.sandboxes(spec).refused(other.id()))
                    .extracting(EgressIT::line)
                    .containsExactlyElementsOf(
                        IntStream.rangeClosed(3, 12)
                            .mapToObj(i -> i == 12 ? "again" : "n" + i)
                            .map(each -> "dns to " + each + ".example on port 53 (not-allowed)")
                            .toList()));
    assertThat(lab.fixture.sandboxes(spec).refused(other.id()))
        .allSatisfy(
            refused ->
                assertThat(refused.at()).isBetween(Instant.now().minusSeconds(60), Instant.now()));
    assertThat(List.copyOf(lines.list))
        .anySatisfy(
            event -> {
              assertThat(event.getFormattedMessage())
                  .isEqualTo("Egress refused: dns to n7.example on port 53 (not-allowed)");
              assertThat(event.getMDCPropertyMap()).containsEntry("user", other.user().toString());
            });
  }

  @Test
  void withoutTheProxyNothingIsReachedUntilItIsBack() throws Exception {
    applies(79);
    assertThat(curl("https://good.example/").output()).isEqualTo("hello good.example");
    Container killed = proxies().getFirst();
    lab.fixture.docker.killContainerCmd(killed.getId()).exec();

    // The first tries may meet none, and all meet either none or the next one.
    await("names are reached again")
        .atMost(Duration.ofSeconds(60))
        .until(
            () -> {
              lab.fixture.sandboxes(spec).checkFirewall();
              return curl("https://good.example/").output().equals("hello good.example");
            });
    assertThat(proxies()).singleElement().extracting(Container::getId).isNotEqualTo(killed.getId());
    assertThat(curl("--connect-to ::8.8.8.8:443 https://other.example/").output())
        .doesNotContain("hello");
  }

  private List<Container> proxies() {
    return lab.fixture
        .docker
        .listContainersCmd()
        .withLabelFilter(
            Map.of("zcbot.worker", lab.fixture.worker, "zcbot.product", "sandbox-egress"))
        .exec();
  }
}
