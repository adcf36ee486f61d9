/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.github.dockerjava.api.model.Capability;
import com.github.dockerjava.api.model.ExposedPort;
import com.github.dockerjava.api.model.PortBinding;
import com.github.dockerjava.api.model.Ports;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.docker.DockerSandboxes;
import io.zcbot.sandbox.worker.docker.EngineFixture;
import io.zcbot.sandbox.worker.docker.EngineFixture.Started;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.machine.Execs.Outcome;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;

/**
 * What a sandbox can reach. The controls have no firewall: their first process is not the init
 * script, and their network is not the sandboxes' network. On container firewalls, every run makes
 * the attacks that meet the rules inside.
 */
@Tag("engine")
@Tag("network-namespaces")
@Tag("gvisor")
@Order(3)
class NetworkIT extends Attacks {
  private static final String REFUSED = "No route to host|not permitted|prohibited|unreachable";

  /** The host's rules answer a connection with a reset; an existing server would accept it. */
  private static final String RESET = "Connection refused|" + REFUSED;

  private Elsewhere elsewhere;
  private String openNetwork;
  private String open;

  @BeforeParameterizedClassInvocation
  void connect() throws Exception {
    // A network of its own, which a firewall outside does not cover either.
    openNetwork = lab.fixture.openNetwork();
    elsewhere = new Elsewhere(lab);
    open = lab.without(host -> host.withNetworkMode(openNetwork));
    await()
        .atMost(Duration.ofSeconds(60))
        .ignoreExceptions()
        .until(
            () ->
                lab.fixture.bash(open, to(elsewhere.publicAddress(), Elsewhere.PORT)).exitCode()
                    == 0);
  }

  @AfterParameterizedClassInvocation
  void disconnect() throws Exception {
    if (elsewhere != null) {
      elsewhere.close();
      elsewhere = null;
    }
  }

  private static String to(String address, int port) {
    return "timeout 60 bash -c 'exec 3<>/dev/tcp/" + address + "/" + port + "'";
  }

  /**
   * Checks that TCP and UDP are refused at once, where a container without the firewall gets an
   * answer.
   */
  private void closed(String address, int port) throws Exception {
    refused(lab.sandbox.id(), to(address, port), RESET);
    refused(lab.sandbox.id(), datagramsTo(address, port), REFUSED);
    succeeds(open, to(address, port));
  }

  /** Sends datagrams. Kernels report a refusal to one address only once a second. */
  private static String datagramsTo(String address, int port) {
    return "exec 3>/dev/udp/"
        + address
        + "/"
        + port
        + "; for i in {1..15}; do echo x >&3 || exit 1; sleep 0.2; done";
  }

  @Row(18)
  @AlsoOn(Profile.RUNC_CONTAINER)
  @Test
  void metadataIsOutOfReach() throws Exception {
    closed(elsewhere.metadata(), Elsewhere.PORT);
    closed(elsewhere.carrierGrade(), Elsewhere.PORT);
    for (String address : List.of("169.254.169.254", "100.100.100.200", "168.63.129.16")) {
      refused(lab.sandbox.id(), to(address, 80), RESET);
    }
  }

  @Row(19)
  @AlsoOn(Profile.RUNC_CONTAINER)
  @Test
  void privateAddressesAreOutOfReach() throws Exception {
    for (String address : elsewhere.privates()) {
      closed(address, Elsewhere.PORT);
    }
    closed(elsewhere.database(), Elsewhere.PORT);
  }

  /** And no command can change that. */
  @Row(19)
  @AlsoOn(Profile.RUNC_CONTAINER)
  @Test
  void noCommandCanLiftTheFirewall() throws Exception {
    refused(
        lab.sandbox.id(),
        "/usr/sbin/nft flush ruleset",
        "permission denied|not permitted|must be root|protocol not supported");
    refused(lab.sandbox.id(), "ip route add 10.0.0.0/8 dev eth0 2>&1", "not permitted|not found");
    refused(lab.sandbox.id(), to(elsewhere.privates().getFirst(), Elsewhere.PORT), RESET);

    String control = lab.exposed(host -> host.withCapDrop().withCapAdd(Capability.NET_ADMIN));
    succeeds(control, "0:0", "/usr/sbin/nft flush ruleset");
  }

  @Row(20)
  @AlsoOn(Profile.RUNC_CONTAINER)
  @Test
  void thereIsNoIpv6() throws Exception {
    String addresses = "grep -v ' lo$' /proc/net/if_inet6 2>/dev/null; true";
    assertThat(said(lab.sandbox.id(), addresses)).isEmpty();
    refused(lab.sandbox.id(), to("fd00::1", 80), "Cannot assign requested address|" + REFUSED);

    String control =
        lab.exposed(host -> host.withSysctls(Map.of("net.ipv6.conf.all.disable_ipv6", "0")));
    await()
        .atMost(Duration.ofSeconds(90))
        .untilAsserted(() -> assertThat(said(control, addresses)).contains("fe80"));
  }

  @Row(21)
  @AlsoOn(Profile.RUNC_CONTAINER)
  @Test
  void theHostIsOutOfReachThroughTheBridge() throws Exception {
    String gateway = requireNonNull(lab.fixture.attachment(lab.sandbox.id()).getGateway());
    closed(gateway, portOfTheHost());
  }

  /**
   * A port in the engine's own network at which a program accepts connections, on all addresses.
   */
  private int portOfTheHost() {
    String server =
        lab.control(
            command -> {
              lab.onHostsKernel(command.getHostConfig());
              command
                  .withHostName("")
                  .withEntrypoint(
                      "python3",
                      "-c",
                      """
                      import socket
                      s = socket.create_server(('', 0))
                      print(s.getsockname()[1], file=open('/tmp/port', 'w'), flush=True)
                      while True: s.accept()""")
                  .getHostConfig()
                  .withNetworkMode("host")
                  .withSysctls(Map.of());
            },
            lab.sandbox);
    return await()
        .atMost(Duration.ofSeconds(60))
        .until(
            () -> lab.fixture.bash(server, "cat /tmp/port").output(),
            said -> said.matches("[0-9]+"))
        .transform(Integer::parseInt);
  }

  @Row(22)
  @AlsoOn(Profile.RUNC_CONTAINER)
  @Test
  void sandboxesAreOutOfEachOthersReach() throws Exception {
    Started other = lab.fresh();
    lab.fixture.background(other.id(), "python3", "-m", "http.server", "8000");
    String address = requireNonNull(lab.fixture.attachment(other.id()).getIpAddress());
    awaitServed(other.id(), address);
    refused(lab.sandbox.id(), to(address, 8000), RESET);

    String victim = lab.without(host -> host.withNetworkMode(openNetwork));
    String attacker = lab.without(host -> host.withNetworkMode(openNetwork));
    lab.fixture.background(victim, "python3", "-m", "http.server", "8000");
    String there = addressThere(victim);
    awaitServed(victim, there);
    succeeds(attacker, to(there, 8000));
  }

  /** An address tells a name, and a name a user. */
  @Row(46)
  @Test
  void addressesTellNoNames() throws Exception {
    Started other = lab.fresh();
    String address = requireNonNull(lab.fixture.attachment(other.id()).getIpAddress());
    String asked = "timeout 3 getent hosts " + address + "; true";
    assertThat(said(lab.sandbox.id(), asked)).doesNotContain(other.user().toString(), "zcbot");

    String victim = lab.without(host -> host.withNetworkMode(openNetwork));
    succeeds(open, "timeout 60 getent hosts " + addressThere(victim) + " | grep zcbot");
  }

  /** Else one sandbox uses up what the engine has of the processors. */
  @Row(52)
  @AlsoOn(Profile.RUNC_CONTAINER)
  @Test
  void theEnginesResolverIsOutOfReach() throws Exception {
    refused(lab.sandbox.id(), ask(lab.fixture.engineResolver(lab.sandbox.id())), "not permitted");
    succeeds(open, ask(lab.fixture.engineResolver(open)));
  }

  /** A query to the engine's resolver; any name that it answers will do. */
  private static String ask(int port) {
    return "python3 -c \"import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM);"
        + " s.settimeout(60); s.connect(('127.0.0.11', "
        + port
        + "));"
        + " s.send(bytes.fromhex('1234010000010000000000000773616e64626f780000010001'));"
        + " s.recv(512)\"";
  }

  /** The kernel has one table for all namespaces: what fills it is told from what does not. */
  @Row(47)
  @AlsoOn(Profile.RUNC_CONTAINER)
  @Test
  void absentNeighboursAreNotLookedFor() throws Exception {
    assertThat(neighbours(lab.sandbox.id(), lab.fixture.network)).isLessThanOrEqualTo(1);
    // The kernel forgets them after some seconds.
    await()
        .atMost(Deployment.SOON)
        .untilAsserted(() -> assertThat(neighbours(open, openNetwork)).isGreaterThan(100));
  }

  private long neighbours(String container, String network) throws Exception {
    String gateway =
        requireNonNull(
            lab.fixture
                .docker
                .inspectContainerCmd(container)
                .exec()
                .getNetworkSettings()
                .getNetworks()
                .get(network)
                .getGateway());
    python(
        container,
        """
        import socket
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for n in range(100, 220):
            try: s.sendto(b'x', ('%s.' + str(n), 9))
            except OSError: pass
        try: s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'eth0')
        except OSError: pass # a runtime may refuse it
        for n in range(100, 220): # as if they were on the bridge
            try: s.sendto(b'x', socket.MSG_DONTROUTE, ('203.0.113.' + str(n), 9))
            except OSError: pass"""
            .formatted(gateway.substring(0, gateway.lastIndexOf('.'))));
    return lab.fixture.inNamespace(container, "ip", "-4", "neigh", "show").lines().count();
  }

  @Row(49)
  @Test
  void noFrameGetsFromOneToTheOther() throws Exception {
    Started other = lab.fresh();
    String address = requireNonNull(lab.fixture.attachment(other.id()).getIpAddress());
    lab.fixture.bash(lab.sandbox.id(), to(address, 8000));
    assertThat(lab.fixture.inNamespace(lab.sandbox.id(), "ip", "-4", "neigh", "show"))
        .doesNotContainPattern(address + " .*lladdr");
    // nor does any protocol of its own making
    String raw = "python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 3)'";
    refused(lab.sandbox.id(), raw, "not permitted");

    String victim = lab.without(host -> host.withNetworkMode(openNetwork));
    String there = addressThere(victim);
    lab.fixture.bash(open, to(there, 8000));
    assertThat(lab.fixture.inNamespace(open, "ip", "-4", "neigh", "show"))
        .containsPattern(there + " .*lladdr");
    String control =
        lab.exposed(
            host -> host.withNetworkMode(openNetwork).withCapDrop().withCapAdd(Capability.NET_RAW));
    succeeds(control, "0:0", raw);
  }

  /** From one socket: more flows than its share of the host's table. */
  @Row(48)
  @AlsoOn(Profile.RUNC_CONTAINER)
  @Test
  void newFlowsAreRationed() throws Exception {
    assertThat(burst(lab.sandbox.id())).isBetween(300, 1200);
    assertThat(burst(open)).isEqualTo(1500);
  }

  private int burst(String container) throws Exception {
    return Integer.parseInt(
        python(
            container,
            """
            import socket, time
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            sent, end = 0, time.monotonic() + 5
            for port in range(20000, 21500):
                try: sent += s.sendto(b'x', ('%s', port))
                except PermissionError: pass
                if time.monotonic() > end and '%s': break
            print(sent)"""
                .formatted(elsewhere.publicAddress(), container.equals(open) ? "" : "limited")));
  }

  /** From one socket, which is one flow: more than its share of the uplink and the resolvers. */
  @Row(67)
  @AlsoOn(Profile.RUNC_CONTAINER)
  @Test
  void bytesAndQueriesAreRationed() throws Exception {
    String queries = "4000, bytes(100), '127.0.0.11', 53";
    String bytes = "%d, bytes(60000), '" + elsewhere.publicAddress() + "', 9000";
    assertThat(Integer.parseInt(sentByOneSocket(lab.sandbox.id(), queries))).isBetween(900, 3500);
    assertThat(Integer.parseInt(sentByOneSocket(lab.sandbox.id(), bytes.formatted(100_000))))
        .isBetween(4300, 50_000);
    assertThat(sentByOneSocket(open, queries)).isEqualTo("all");
    assertThat(sentByOneSocket(open, bytes.formatted(8000))).isEqualTo("all");
  }

  /** Many of them are one packet where packets are counted. */
  @Row(67)
  @AlsoOn(Profile.RUNC_CONTAINER)
  @Test
  void noTinySegmentsAreSent() throws Exception {
    assertThat(segment(lab.sandbox.id())).isBetween(400, 1500);
    String least = "/proc/sys/net/ipv4/tcp_min_snd_mss";
    assertThat(lab.fixture.inNamespace(lab.sandbox.id(), "cat", least).strip()).isEqualTo("448");
    assertThat(lab.fixture.bash(lab.sandbox.id(), "echo 48 >" + least).exitCode()).isNotZero();
    assertThat(lab.fixture.inNamespace(lab.sandbox.id(), "cat", least).strip()).isEqualTo("448");

    String control = lab.exposed(host -> host.withNetworkMode(openNetwork).withSysctls(Map.of()));
    assertThat(segment(control)).isLessThan(100);
  }

  /** The size of the segments of a connection that asks for the smallest. */
  private int segment(String container) throws Exception {
    return Integer.parseInt(
        python(
            container,
            """
            import socket, struct
            s = socket.socket()
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 88)
            s.settimeout(10)
            s.connect(('%s', %d))
            print(struct.unpack_from('16xI', s.getsockopt(socket.IPPROTO_TCP, 11, 64))[0])"""
                .formatted(elsewhere.publicAddress(), Elsewhere.PORT)));
  }

  /** How many datagrams were sent until the first was refused, or {@code all}. */
  private String sentByOneSocket(String container, String datagrams) throws Exception {
    return python(
        container,
        """
        import socket
        def send(most, data, *where):
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            for sent in range(most):
                try: s.sendto(data, where)
                except PermissionError: return sent
            return 'all'
        print(send(%s))"""
            .formatted(datagrams));
  }

  /** What the kernel tracks there takes places in a table that all namespaces share. */
  @Row(48)
  @AlsoOn(Profile.RUNC_CONTAINER)
  @Test
  void theLoopbackIsNotTracked() throws Exception {
    assertThat(trackedOnTheLoopback(lab.fresh().id())).isLessThan(100);
    assertThat(trackedOnTheLoopback(open)).isGreaterThan(900);
  }

  private long trackedOnTheLoopback(String container) throws Exception {
    python(
        container,
        """
        import socket
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for n in range(1000): s.sendto(b'x', ('127.1.%d.%d' % (n >> 8, n & 255), 9))""");
    return Long.parseLong(
        lab.fixture
            .inNamespace(container, "cat", "/proc/sys/net/netfilter/nf_conntrack_count")
            .strip());
  }

  @Row(59)
  @AlsoOn(Profile.RUNC_CONTAINER)
  @Test
  void noMailIsDelivered() throws Exception {
    refused(lab.sandbox.id(), to(elsewhere.publicAddress(), 25), RESET);
    succeeds(open, to(elsewhere.publicAddress(), 25));
  }

  private String addressThere(String container) {
    return requireNonNull(
        lab.fixture
            .docker
            .inspectContainerCmd(container)
            .exec()
            .getNetworkSettings()
            .getNetworks()
            .get(openNetwork)
            .getIpAddress());
  }

  private void awaitServed(String container, String address) {
    await()
        .atMost(Duration.ofSeconds(60))
        .until(() -> lab.fixture.bash(container, to(address, 8000)).exitCode() == 0);
  }

  @Row(23)
  @Test
  void noPortIsPublished() throws Exception {
    assertThat(published(lab.sandbox.id())).isEmpty();

    ExposedPort port = ExposedPort.tcp(8000);
    String control =
        lab.control(
            command -> {
              command.withExposedPorts(port);
              command
                  .getHostConfig()
                  .withPortBindings(new PortBinding(Ports.Binding.bindIp("127.0.0.1"), port));
            },
            lab.sandbox);
    Map<ExposedPort, Ports.Binding[]> there = published(control);
    assertThat(there).containsOnlyKeys(port);
    lab.fixture.background(control, "python3", "-m", "http.server", "8000");
    int hostPort = Integer.parseInt(there.get(port)[0].getHostPortSpec());
    await()
        .atMost(Duration.ofSeconds(60))
        .ignoreExceptions()
        .until(
            () -> {
              lab.onHost("bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/" + hostPort);
              return true;
            });
  }

  private Map<ExposedPort, Ports.Binding[]> published(String container) {
    Ports ports =
        lab.fixture.docker.inspectContainerCmd(container).exec().getNetworkSettings().getPorts();
    return ports == null ? Map.of() : ports.getBindings();
  }

  @Row(24)
  @AlsoOn(Profile.RUNC_CONTAINER)
  @Test
  void namesAreAskedOfTheResolverOnly() throws Exception {
    assertThat(said(lab.sandbox.id(), "grep ^nameserver /etc/resolv.conf"))
        .isEqualTo("nameserver 127.0.0.11");
    assertThat(said(lab.sandbox.id(), "getent hosts sandbox")).isNotEmpty();
    // else what is sent there could not leave
    String forwarding = "/proc/sys/net/ipv4/conf/all/route_localnet";
    assertThat(lab.fixture.inNamespace(lab.sandbox.id(), "cat", forwarding).strip()).isEqualTo("1");
    for (String address : List.of(elsewhere.privates().getFirst(), elsewhere.publicAddress())) {
      closed(address, 53);
      // nobody listens there: that it says so shows that it was asked
      assertThat(lab.fixture.bash(open, datagramsTo(address, 53)).output())
          .doesNotContainPattern(REFUSED);
    }
  }

  @Row(25)
  @AlsoOn(Profile.RUNC_CONTAINER)
  @Test
  void publicAddressesAreReached() throws Exception {
    said(lab.sandbox.id(), to(elsewhere.publicAddress(), Elsewhere.PORT));

    String control = lab.without(host -> host.withNetworkMode("none"));
    refused(control, to(elsewhere.publicAddress(), Elsewhere.PORT), "unreachable");
  }

  /** What a user's next ensure, and a claim, ask before they say ready. */
  @Row(57)
  @Test
  void whoIsServedAgainWaitsForRulesThatWereTakenAway() throws Exception {
    applies(57);
    DockerSandboxes sandboxes = lab.fixture.sandboxes(lab.spec);
    String metadata = elsewhere.metadata();
    try (var _ = sandboxes.watchFirewall()) {
      sandboxes.checkFirewall();
      for (int i = 0; i < 3; i++) {
        takeRulesAway();
        await()
            .pollInterval(Duration.ofMillis(1))
            .atMost(Duration.ofSeconds(90))
            .until(() -> sandboxes.firewallProblem() != null);
        sandboxes.prepare();
        assertThat(lab.onHost("nft", "list", "tables")).contains("table inet " + table());
        refused(lab.sandbox.id(), to(metadata, Elsewhere.PORT), RESET);
      }
    }

    takeRulesAway();
    sandboxes.prepare();
    assertThat(lab.onHost("nft", "list", "tables"))
        .as("unwatched")
        .doesNotContain("table inet " + table());
    sandboxes.checkFirewall();
    refused(lab.sandbox.id(), to(metadata, Elsewhere.PORT), RESET);
  }

  private void takeRulesAway() throws Exception {
    lab.onHost("nft", "delete", "table", "inet", table());
  }

  private String table() {
    String id =
        lab.fixture.docker.inspectNetworkCmd().withNetworkId(lab.fixture.network).exec().getId();
    return "zcbot_br_" + id.substring(0, 12);
  }

  /** An attacker who is inside from the first moment on, while init takes its time. */
  @Row(27)
  @AlsoOn(Profile.RUNC_CONTAINER)
  @Test
  void readyIsNotSaidBeforeTheFirewallIsInForce() throws Exception {
    applies(27);
    String slow =
        lab.image(
            "ENTRYPOINT [\"bash\", \"-c\", \"sleep 6; exec /usr/local/sbin/zcbot-init \\\"$@\\\"\", \"slow\"]");
    UserId user = EngineFixture.user();
    String id = lab.fixture.create(lab.withImage(slow), user);
    String address = elsewhere.privates().getFirst();
    AtomicBoolean ready = new AtomicBoolean();
    AtomicInteger early = new AtomicInteger();
    AtomicInteger late = new AtomicInteger();
    AtomicInteger reached = new AtomicInteger();
    long deadline = System.nanoTime() + Deployment.SOON.toNanos();
    Thread attacker =
        Thread.ofVirtual()
            .start(
                () -> {
                  while (late.get() < 5 && System.nanoTime() < deadline) {
                    try {
                      Thread.sleep(200);
                      boolean wasReady = ready.get();
                      Outcome outcome = lab.fixture.bash(id, to(address, Elsewhere.PORT));
                      if (wasReady) {
                        if (outcome.exitCode() == 0) {
                          reached.incrementAndGet();
                        }
                        late.incrementAndGet();
                      } else if (outcome.exitCode() == 0) {
                        early.incrementAndGet();
                      }
                    } catch (com.github.dockerjava.api.exception.DockerException _) {
                      // it does not run yet
                    } catch (InterruptedException _) {
                      return;
                    }
                  }
                });
    lab.fixture.start(id);
    ready.set(true);
    attacker.join(Deployment.SOON);
    assertThat(early).as("tries that got through before it was ready").hasPositiveValue();
    assertThat(late).as("tries after").hasValue(5);
    assertThat(reached).as("those of them that got through").hasValue(0);
    refused(id, to(address, Elsewhere.PORT), REFUSED);
  }
}
