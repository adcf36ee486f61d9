/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;
import static org.awaitility.Awaitility.await;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.Network.Ipam;
import io.zcbot.sandbox.worker.docker.EngineFixture.Started;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.engine.EngineException.Kind;
import io.zcbot.sandbox.worker.security.Row;
import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.spec.TrafficLimits;
import io.zcbot.sandbox.worker.testkit.InFullRuns;
import io.zcbot.sandbox.worker.testkit.deployment.Deployment;
import io.zcbot.sandbox.worker.testkit.machine.Commands;
import io.zcbot.sandbox.worker.testkit.machine.Execs.Outcome;
import io.zcbot.sandbox.worker.testkit.machine.Execs.Said;
import io.zcbot.sandbox.worker.testkit.machine.SandboxImage;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The host's rules, attacked from inside a sandbox, with a simulated internet: what they refuse,
 * what they allow, and that the same attacks succeed once the rules are gone.
 */
@Tag("engine")
@Tag("network-namespaces")
@Tag("gvisor")
@Order(6)
class HostFirewallIT {
  /** What a query fails with at once, by the host's rules or the sandbox's own. */
  private static final String NOT_ASKED =
      "No route to host|Operation not permitted|Permission denied";

  @TempDir static Path directory;
  private static Surroundings around;
  private EngineFixture fixture;

  @BeforeAll
  static void startEngine() throws Exception {
    around = new Surroundings(Path.of("/var/tmp/zcbot-firewall"), "fw-host");
  }

  @AfterAll
  static void stopEngine() throws Exception {
    around.close();
  }

  /** Rules of the host, of the sandbox and, in full runs, both at once. */
  private static Set<FirewallMode> modes() {
    return InFullRuns.THIS_ONE
        ? EnumSet.allOf(FirewallMode.class)
        : EnumSet.of(FirewallMode.HOST, FirewallMode.CONTAINER);
  }

  /** Of rules inside, NetworkIT shows the same on the profile that has them. */
  private static Set<FirewallMode> hostAndInFullRunsAll() {
    return InFullRuns.THIS_ONE ? EnumSet.allOf(FirewallMode.class) : EnumSet.of(FirewallMode.HOST);
  }

  @BeforeEach
  void setUp() {
    fixture = EngineFixture.at(around.engine.address(), directory);
  }

  @AfterEach
  void tearDown() throws Exception {
    fixture.close();
  }

  @Row({18, 19, 21, 22, 25})
  @Test
  void onlyPublicAddressesAreReachedAndOnlyTheRulesSeeToIt() throws Exception {
    Started sandbox = fixture.start(fixture.spec());
    Started other = fixture.start(fixture.spec());
    listen(other);
    List<String> forbidden =
        List.of(
            Surroundings.METADATA,
            Surroundings.PRIVATE,
            Surroundings.PG,
            Surroundings.HOST,
            gateway(sandbox));

    assertReaches(sandbox, Surroundings.PUBLIC);
    for (String address : forbidden) {
      assertRefused(sandbox, address);
    }
    assertRefused(sandbox, address(other));

    around.nft("delete", "table", "inet", table());
    for (String address : forbidden) {
      assertReaches(sandbox, address);
    }
  }

  @Row({26, 27})
  @Test
  void withoutRulesNothingIsReadyAndTheNextTryRestoresThem() throws Exception {
    Started before = fixture.start(fixture.spec());
    around.nft("delete", "table", "inet", table());
    assertReaches(before, Surroundings.METADATA);

    EngineException e = failure(() -> fixture.start(fixture.spec()));

    assertThat(e.kind()).isEqualTo(Kind.UNPROTECTED);
    assertThat(e.getMessage()).contains("the host's firewall rules are not in force");
    Started after = fixture.start(fixture.spec());
    assertRefused(after, Surroundings.METADATA);
    assertRefused(before, Surroundings.METADATA);
  }

  /** As if the worker had died between the start and the seal. */
  @Test
  void withoutItsSealASandboxEndsAndIsNeverReady() throws Exception {
    String id = fixture.create(fixture.spec(), EngineFixture.user());
    Said said = new Said();
    try (var output =
        fixture.docker.attachContainerCmd(id).withStdOut(true).withFollowStream(true).exec(said)) {
      output.awaitStarted();
      fixture.startContainer(id);
      assertThat(output.awaitCompletion(60, TimeUnit.SECONDS)).as("it ended").isTrue();
    }
    assertThat(said.toString())
        .startsWith("zcbot-sandbox failed host-rules: the network namespace was not sealed")
        .doesNotContain("ready");
  }

  @Test
  void aCheckMendsWhatWasFlushedAndEndsWhatBeganMeanwhile() throws Exception {
    Started sandbox = fixture.start(fixture.spec());
    around.nft("flush", "ruleset");
    // a connection of the time without rules, told to speak once more after they are back
    fixture.bash(
        sandbox.id(),
        """
        cat > /tmp/talk <<'END'
        exec 3<>/dev/tcp/%s/80 && read -t 60 hello <&3 && echo "began: $hello" > /tmp/heard
        while [[ ! -e /tmp/again ]]; do sleep 0.05; done
        echo >&3; read -t 2 hello <&3 && echo "again: $hello" >> /tmp/heard
        echo ended >> /tmp/heard
        END"""
            .formatted(gateway(sandbox)));
    fixture.background(sandbox.id(), "bash", "/tmp/talk");
    waitFor(sandbox, "began: " + World.GREETING);

    fixture.sandboxes().checkFirewall();

    assertThat(fixture.sandboxes().firewallProblem()).isNull();
    fixture.bash(sandbox.id(), "touch /tmp/again");
    waitFor(sandbox, "ended");
    assertThat(fixture.bash(sandbox.id(), "cat /tmp/heard").output()).doesNotContain("again:");
    assertRefused(sandbox, gateway(sandbox));
    around.engine.restart(); // the flush took the engine's own rules as well
  }

  @Test
  void aChangedRuleIsMended() throws Exception {
    Started sandbox = fixture.start(fixture.spec());
    String before = rules();
    around.nft("insert", "rule", "inet", table(), "egress", "accept");
    assertReaches(sandbox, Surroundings.PRIVATE);

    fixture.sandboxes().checkFirewall();

    assertThat(rules()).isEqualTo(before);
    assertRefused(sandbox, Surroundings.PRIVATE);
  }

  @Test
  void theRulesOutliveTheEngine() throws Exception {
    fixture.start(fixture.spec());
    String before = rules();

    around.engine.restart();

    assertThat(rules()).isEqualTo(before);
    await().ignoreExceptions().until(this::engineAnswers);
    Started sandbox = fixture.start(fixture.spec());
    assertRefused(sandbox, Surroundings.METADATA);
    assertReaches(sandbox, Surroundings.PUBLIC);
  }

  /** Where br_netfilter, which the engine's own ban needs, is off, and nothing holds it back. */
  @Row({22, 49})
  @Test
  void sandboxesDoNotReachOneAnotherThroughTheBridgeAlone() throws Exception {
    Started sandbox = fixture.start(fixture.spec());
    Started other = fixture.start(fixture.spec());
    listen(other);
    unseal(sandbox);
    unseal(other); // else its answers do not leave
    bridgeNetfilter(0);
    try {
      assertThat(reaches(sandbox, address(other))).isFalse();
      assertThat(neighbours(sandbox)).doesNotContainPattern(address(other) + " .*lladdr");

      around.nft("delete", "table", "bridge", table());
      assertReaches(sandbox, address(other));
      assertThat(neighbours(sandbox)).containsPattern(address(other) + " .*lladdr");
    } finally {
      bridgeNetfilter(1);
    }
  }

  @Row(25)
  @Test
  void anAllowListOpensWhatItNamesAndNothingElse() throws Exception {
    SandboxSpec spec =
        fixture.withPolicy(
            policy(
                new Egress.Only(
                    List.of(Surroundings.PRIVATE, "203.0.113.0/28", Surroundings.HOST, "fd00::/8")),
                new Dns.EngineDefault()));
    Started sandbox = fixture.start(spec);

    assertReaches(sandbox, Surroundings.PRIVATE);
    assertReaches(sandbox, Surroundings.PUBLIC);
    assertReaches(sandbox, Surroundings.OTHER_PUBLIC);
    assertRefused(sandbox, Surroundings.PG);
    assertRefused(sandbox, Surroundings.METADATA);
    assertRefused(sandbox, Surroundings.HOST);
    assertRefused(sandbox, gateway(sandbox));
  }

  @Row(25)
  @Test
  void anAllowListShutsOutOtherPublicAddresses() throws Exception {
    SandboxSpec spec =
        fixture.withPolicy(
            policy(new Egress.Only(List.of(Surroundings.PUBLIC)), new Dns.EngineDefault()));
    Started sandbox = fixture.start(spec);

    assertReaches(sandbox, Surroundings.PUBLIC);
    assertRefused(sandbox, Surroundings.OTHER_PUBLIC);
  }

  @Row(25)
  @Test
  void withoutEgressThereIsNoNetwork() throws Exception {
    for (FirewallMode firewall : FirewallMode.values()) {
      Started sandbox =
          fixture.start(
              fixture.withPolicy(
                  EngineFixture.policy(firewall, new Egress.None(), new Dns.EngineDefault())));

      assertThat(fixture.bash(sandbox.id(), "ls /sys/class/net").output()).isEqualTo("lo");
      assertThat(fixture.bash(sandbox.id(), "grep -h CapBnd /proc/self/status").output())
          .endsWith("\t0000000000000000");
      assertThat(reaches(sandbox, Surroundings.PUBLIC)).isFalse();
    }
    assertThat(around.nft("list", "tables")).doesNotContain(fixture.worker);
  }

  @Row(24)
  @Test
  void namesAreResolvedByWhomThePolicyNames() throws Exception {
    Started sandbox =
        fixture.start(
            fixture.withPolicy(
                policy(new Egress.Public(), new Dns.Resolvers(List.of(Surroundings.PRIVATE)))));

    assertThat(fixture.bash(sandbox.id(), "getent ahostsv4 some.example").output())
        .contains(Surroundings.PUBLIC);
    assertRefused(sandbox, Surroundings.PRIVATE); // port 53 alone is open
  }

  /** Nobody but the resolvers, though all other ports of public addresses are open. */
  @Row(24)
  @ParameterizedTest
  @MethodSource("hostAndInFullRunsAll")
  void noOtherPublicAddressIsAskedForNames(FirewallMode mode) throws Exception {
    Started sandbox = fixture.start(fixture.withPolicy(limited(mode)));

    assertThat(fixture.bash(sandbox.id(), "getent ahostsv4 some.example").output())
        .contains(Surroundings.PUBLIC);
    assertReaches(sandbox, Surroundings.PUBLIC);
    assertThat(ask(sandbox, Surroundings.PUBLIC)).containsPattern(NOT_ASKED);

    if (mode != FirewallMode.HOST) {
      assertThat(fixture.inNamespace(sandbox.id(), "nft", "list", "table", "ip6", "zcbot"))
          .contains("udp dport 53 reject", "tcp dport 53 reject");
      fixture.inNamespace(sandbox.id(), "nft", "flush", "chain", "ip", "zcbot", "output");
    }
    if (mode != FirewallMode.CONTAINER) {
      around.nft("delete", "table", "inet", table());
    }
    assertThat(ask(sandbox, Surroundings.PUBLIC)).as("without rules").isEqualTo("answered");
  }

  /** The operator named it. */
  @Row(24)
  @ParameterizedTest
  @MethodSource("modes")
  void anAllowListOpensThePortOfNamesToo(FirewallMode mode) throws Exception {
    Egress list = new Egress.Only(List.of(Surroundings.PUBLIC));
    for (Dns dns : List.of(new Dns.Resolvers(List.of(Surroundings.PRIVATE)), new Dns.Off())) {
      Started sandbox = fixture.start(fixture.withPolicy(EngineFixture.policy(mode, list, dns)));

      String said = ask(sandbox, Surroundings.PUBLIC);

      if (dns instanceof Dns.Off) {
        assertThat(said).containsPattern(NOT_ASKED);
      } else {
        assertThat(said).isEqualTo("answered");
      }
    }
  }

  @Row(24)
  @Test
  void withDnsOffNobodyIsAsked() throws Exception {
    Started sandbox = fixture.start(fixture.withPolicy(policy(new Egress.Public(), new Dns.Off())));

    assertThat(fixture.bash(sandbox.id(), "timeout 20 getent ahostsv4 some.example").exitCode())
        .isNotZero();
    assertReaches(sandbox, Surroundings.PUBLIC);
    assertThat(ask(sandbox, Surroundings.PUBLIC)).contains("No route to host");

    around.nft("delete", "table", "inet", table());
    assertThat(ask(sandbox, Surroundings.PUBLIC)).as("without rules").isEqualTo("answered");
  }

  /** A fixed number of questions, so that it does not matter what else this machine does. */
  @Row(52)
  @Test
  void noQuestionTakesTheEnginesTime() throws Exception {
    Started sandbox = fixture.start(fixture.spec());
    Duration before = around.engine.processorTime();
    assertThat(flood(sandbox)).isEqualTo("0 answers");
    Duration refused = around.engine.processorTime().minus(before);

    unseal(sandbox);
    before = around.engine.processorTime();
    assertThat(flood(sandbox)).isEqualTo("8000 answers");
    Duration answered = around.engine.processorTime().minus(before);
    System.out.printf("8,000 questions took the engine %s, unsealed %s%n", refused, answered);
    assertThat(answered).isGreaterThan(refused.multipliedBy(5));
  }

  /** Queries the engine's own resolver for the sandbox's own address. */
  private String flood(Started sandbox) throws Exception {
    return fixture
        .python(
            sandbox.id(),
            """
            import socket
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.settimeout(20)
            s.connect(('127.0.0.11', %d))
            labels = [str(n) for n in reversed('%s'.split('.'))] + ['in-addr', 'arpa']
            name = b''.join(bytes([len(label)]) + label.encode() for label in labels)
            question = bytes.fromhex('123401000001000000000000') + name + bytes.fromhex('00000c0001')
            answers = 0
            for _ in range(8000):
                try:
                    s.send(question)
                    s.recv(512)
                    answers += 1
                except OSError:
                    pass
            print(answers, 'answers')"""
                .formatted(fixture.engineResolver(sandbox.id()), address(sandbox)))
        .output();
  }

  @Row(48)
  @Test
  void oneSocketHasNoMoreFlowsThanTheLimit() throws Exception {
    NetworkPolicy policy =
        new NetworkPolicy(
            FirewallMode.HOST,
            new Egress.Public(),
            new Dns.EngineDefault(),
            List.of(),
            new TrafficLimits(100, 10_000, 50 << 20, false));
    Started sandbox = fixture.start(fixture.withPolicy(policy));
    long before = flows(sandbox, "udp");
    String burst =
        """
        import socket
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sent = 0
        for port in range(20000, 21000):
            try:
                sent += s.sendto(b'x', ('%s', port))
            except PermissionError:
                pass
        print(sent)"""
            .formatted(Surroundings.PUBLIC);

    assertThat(Integer.parseInt(fixture.python(sandbox.id(), burst).output())).isEqualTo(100);
    assertThat(flows(sandbox, "udp") - before).isLessThan(150);

    unseal(sandbox);
    assertThat(fixture.python(sandbox.id(), burst).output()).isEqualTo("1000");
    assertThat(flows(sandbox, "udp") - before).as("without the limit").isGreaterThan(900);
  }

  /** Each of these bursts is one flow. */
  @Row(67)
  @ParameterizedTest
  @MethodSource("hostAndInFullRunsAll")
  void whatOneFlowCarriesIsRationed(FirewallMode mode) throws Exception {
    Started sandbox = fixture.start(fixture.withPolicy(narrow(mode)));
    count(sandbox);
    assertThat(fixture.python(sandbox.id(), PACKETS).exitCode()).isZero();
    assertThat(counted()).isBetween(5000L, 9000L);
    assertThat(fixture.python(sandbox.id(), PACKETS_ON_LOOPBACK).output()).isEqualTo("12000");
    assertThat(bytesPerSecondBeyondTheBurst(sandbox)).isLessThan(1.3 * (1 << 20));

    if (mode == FirewallMode.HOST) { // elsewhere, what the kernel splits is counted once
      Started splitter = fixture.start(fixture.withPolicy(narrow(mode)));
      count(splitter);
      assertThat(fixture.python(splitter.id(), SPLIT).exitCode()).isZero();
      assertThat(counted()).as("datagrams that the kernel splits").isBetween(5000L, 9000L);
    }

    if (mode != FirewallMode.HOST) {
      fixture.inNamespace(sandbox.id(), "nft", "flush", "table", "ip", "zcbot");
    }
    if (mode != FirewallMode.CONTAINER) {
      around.nft("delete", "table", "inet", table());
    }
    if (mode == FirewallMode.HOST) {
      unseal(sandbox);
    }
    count(sandbox);
    assertThat(fixture.python(sandbox.id(), PACKETS).exitCode()).isZero();
    assertThat(counted()).as("without the rules").isEqualTo(12_000);
    await("without the rules, in")
        .untilAsserted(
            () -> assertThat(bytesPerSecondBeyondTheBurst(sandbox)).isGreaterThan(4 << 20));
  }

  private static NetworkPolicy narrow(FirewallMode mode) {
    return new NetworkPolicy(
        mode,
        new Egress.Public(),
        new Dns.EngineDefault(),
        List.of(),
        new TrafficLimits(100, 100, 1 << 20, false));
  }

  private static final String PACKETS =
      """
      import socket
      s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
      for _ in range(12000):
          try: s.sendto(b'x', ('%s', 7777))
          except PermissionError: pass"""
          .formatted(Surroundings.PUBLIC);

  private static final String SPLIT =
      """
      import socket
      s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
      s.setsockopt(socket.SOL_UDP, 103, 1) # UDP_SEGMENT
      for _ in range(200): s.sendto(bytes(60), ('%s', 7777))"""
          .formatted(Surroundings.PUBLIC);

  private static final String PACKETS_ON_LOOPBACK =
      """
      import socket
      s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
      print(sum(s.sendto(b'x', ('127.0.0.1', 7777)) for _ in range(12000)))""";

  /** Counts the packets from a sandbox that the host sends on, from now on. */
  private void count(Started sandbox) throws Exception {
    around.nft(
        "table ip counted; delete table ip counted; table ip counted { chain passed { type filter"
            + " hook forward priority 10; ip saddr "
            + address(sandbox)
            + " udp dport 7777 counter; }; }");
  }

  private long counted() throws Exception {
    return Long.parseLong(
        around.nft("list", "table", "ip", "counted").replaceAll("(?s).*packets (\\d+) .*", "$1"));
  }

  private double bytesPerSecondBeyondTheBurst(Started sandbox) throws Exception {
    return Double.parseDouble(
        fixture
            .python(
                sandbox.id(),
                """
                import socket, time
                s = socket.create_connection(('%s', 81), 20)
                got = 0
                while got < 8 << 20: got += len(s.recv(1 << 16))
                since, got = time.monotonic(), 0
                while got < 3 << 20: got += len(s.recv(1 << 16))
                print(got / (time.monotonic() - since))"""
                    .formatted(Surroundings.PUBLIC))
            .output());
  }

  /**
   * The host remembers for days what a sandbox's own kernel believes to be closed, so nothing must
   * change that belief which the host does not see.
   */
  @Row(48)
  @ParameterizedTest
  @MethodSource("modes")
  void aFlowThatEndsWhereTheHostDoesNotSeeItCountsAllTheSame(FirewallMode mode) throws Exception {
    for (String astray : List.of("lo", "eth0")) {
      Started sandbox = fixture.start(fixture.withPolicy(limited(mode)));
      long before = flows(sandbox, "tcp");
      assertThat(forgotten(sandbox, astray)).as(astray).isEqualTo(100);
      assertThat(flows(sandbox, "tcp") - before).as(astray).isBetween(50L, 150L); // older ones end

      Started unguarded = fixture.start(fixture.withPolicy(limited(mode)));
      unguard(unguarded);
      before = flows(unguarded, "tcp");
      assertThat(forgotten(unguarded, astray)).as("unguarded: " + astray).isEqualTo(300);
      assertThat(flows(unguarded, "tcp") - before).as("unguarded: " + astray).isGreaterThan(200);
      fixture.removeContainers();
    }
  }

  private static NetworkPolicy limited(FirewallMode mode) {
    return new NetworkPolicy(
        mode,
        new Egress.Public(),
        new Dns.Resolvers(List.of(Surroundings.PRIVATE)),
        List.of(),
        new TrafficLimits(100, 10_000, 50 << 20, false));
  }

  /** How many of 300 connections it has, if it sends the end of each to where it is lost. */
  private int forgotten(Started sandbox, String device) throws InterruptedException {
    return Integer.parseInt(
        fixture
            .python(
                sandbox.id(),
                """
                import socket, struct
                held = 0
                while held < 300:
                    s = socket.socket()
                    s.settimeout(20)
                    try: s.connect(('%s', 80))
                    except OSError: break
                    assert s.recv(99) # else the answer to what comes later ends it for both
                    held += 1
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'%s')
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_DONTROUTE, 1)
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
                    s.close()
                print(held)"""
                    .formatted(Surroundings.PUBLIC, device))
            .output());
  }

  /** The sum that docs/networking.md gives is larger for them than that of the limits. */
  @Test
  void aClosedConnectionIsNotCounted() throws Exception {
    Started sandbox = fixture.start(fixture.withPolicy(limited(FirewallMode.HOST)));
    long before = flows(sandbox, "tcp");
    String burst =
        """
        import socket
        for _ in range(300):
            with socket.create_connection(('%s', 80), 20) as s:
                assert s.recv(99)
                s.shutdown(socket.SHUT_WR)
                while s.recv(99): pass"""
            .formatted(Surroundings.PUBLIC);

    assertThat(fixture.python(sandbox.id(), burst).output()).isEmpty();
    assertThat(flows(sandbox, "tcp") - before).as("what the host remembers").isGreaterThan(250);
  }

  /** Removes the rules that judge packets before connection tracking. */
  private void unguard(Started sandbox) throws Exception {
    fixture.inNamespace(sandbox.id(), "nft", "flush", "chain", "ip", "zcbot", "early");
  }

  /** Removes the limits of flows. */
  private void unlimited(Started sandbox) throws Exception {
    fixture.inNamespace(sandbox.id(), "nft", "flush", "chain", "ip", "zcbot", "output");
  }

  /** ICMP's extended echo begins no flow, and so has no share of them. */
  @Row(48)
  @ParameterizedTest
  @MethodSource("modes")
  void whatIsNoFlowDoesNotLeave(FirewallMode mode) throws Exception {
    Started sandbox = fixture.start(fixture.withPolicy(limited(mode)));
    String burst =
        """
        import socket
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
        sent = 0
        for _ in range(1000):
            try: sent += s.sendto(bytes.fromhex('2a00000000000100'), ('%s', 0)) > 0
            except OSError: pass
        print(sent)"""
            .formatted(Surroundings.PUBLIC);

    assertThat(fixture.python(sandbox.id(), burst).output()).isEqualTo("0");

    unseal(sandbox);
    assertThat(fixture.python(sandbox.id(), burst).output()).isEqualTo("1000");
  }

  /** What the kernel tracks there is memory of nobody's, in a table that all namespaces share. */
  @Row(48)
  @ParameterizedTest
  @MethodSource("hostAndInFullRunsAll")
  void theLoopbackIsNotTrackedAndWorks(FirewallMode mode) throws Exception {
    Started sandbox = fixture.start(fixture.withPolicy(limited(mode)));
    String burst =
        """
        import socket
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for n in range(2000):
            s.sendto(b'x', ('127.1.%d.%d' % (n >> 8, n & 255), 9))""";

    assertThat(fixture.python(sandbox.id(), burst).exitCode()).isZero();
    assertThat(tracked(sandbox)).isLessThan(100);
    assertThat(fixture.python(sandbox.id(), LOOPBACK.formatted(address(sandbox))).output())
        .isEqualTo("works");

    unguard(sandbox);
    unlimited(sandbox);
    assertThat(fixture.python(sandbox.id(), burst).exitCode()).isZero();
    assertThat(tracked(sandbox)).as("unguarded").isGreaterThan(1900);
  }

  /** They begin at a loopback address, from which the kernel sends them on. */
  @Row(48)
  @ParameterizedTest
  @MethodSource("modes")
  void questionsOfNamesAreFlows(FirewallMode mode) throws Exception {
    for (String device : List.of("", "lo")) {
      Started sandbox = fixture.start(fixture.withPolicy(limited(mode)));
      long before = flows(sandbox, "udp");
      assertThat(questions(sandbox, device)).as(device).isBetween(90, 100);
      assertThat(flows(sandbox, "udp") - before).as(device).isLessThan(150);
      assertThat(tracked(sandbox)).as(device).isLessThan(150);

      unlimited(sandbox);
      assertThat(questions(sandbox, device)).as("without rules: " + device).isEqualTo(1000);
      assertThat(tracked(sandbox)).as("without rules: " + device).isGreaterThan(900);
      fixture.removeContainers();
    }
  }

  /** How many it gets out of 1000, or to where they get lost. */
  private int questions(Started sandbox, String device) throws InterruptedException {
    return Integer.parseInt(
        fixture
            .python(
                sandbox.id(),
                """
                import socket
                question = bytes.fromhex('1234010000010000000000000161076578616d706c650000010001')
                sent = 0
                for port in range(20000, 21000):
                    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'%s')
                    s.bind(('127.0.0.1', port))
                    try: sent += s.sendto(question, ('127.0.0.11', 53)) > 0
                    except OSError: pass
                    s.close()
                print(sent)"""
                    .formatted(device))
            .output());
  }

  private static final String LOOPBACK =
      """
      import socket
      for address in ('127.0.0.1', '127.0.0.77', '%s'):
          server = socket.create_server((address, 0))
          client = socket.create_connection(server.getsockname(), 20)
          accepted, _ = server.accept()
          client.sendall(b'there')
          assert accepted.recv(9) == b'there'
          accepted.sendall(b'back')
          assert client.recv(9) == b'back'
          client.close()
          assert accepted.recv(9) == b''
          where = server.getsockname()
          server.close()
          try: socket.create_connection(where, 20)
          except ConnectionRefusedError: pass
          else: assert False, 'nobody listens'

          one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
          one.bind((address, 0))
          one.settimeout(20)
          two = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
          two.settimeout(20)
          two.connect(one.getsockname())
          two.send(b'there')
          _, peer = one.recvfrom(9)
          one.sendto(b'back', peer)
          assert two.recv(9) == b'back'
          one.close()
          two.send(b'nobody')
          try: two.recv(9)
          except ConnectionRefusedError: pass

          ping = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
          ping.settimeout(20)
          ping.sendto(bytes.fromhex('0800000000000001'), (address, 0))
          ping.recv(99)
      print('works')""";

  /** The number of entries that connection tracking has in a sandbox's namespace. */
  private long tracked(Started sandbox) throws Exception {
    return Long.parseLong(
        fixture
            .inNamespace(sandbox.id(), "cat", "/proc/sys/net/netfilter/nf_conntrack_count")
            .strip());
  }

  /** An address that is said to be on the bridge is looked for there, whosever it is. */
  @Row(47)
  @ParameterizedTest
  @MethodSource("hostAndInFullRunsAll")
  void nobodyIsLookedForAsANeighbour(FirewallMode mode) throws Exception {
    Started sandbox = fixture.start(fixture.withPolicy(limited(mode)));
    String burst =
        """
        import socket
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b'eth0')
        for n in range(100, 200):
            try: s.sendto(b'x', socket.MSG_DONTROUTE, ('203.0.113.%d' % n, 9))
            except OSError: pass""";

    assertThat(fixture.python(sandbox.id(), burst).exitCode()).isZero();
    assertThat(neighbours(sandbox).lines().count()).isLessThanOrEqualTo(1);

    unguard(sandbox);
    await("unguarded") // again, as the kernel forgets them after some seconds
        .untilAsserted(
            () -> {
              assertThat(fixture.python(sandbox.id(), burst).exitCode()).isZero();
              assertThat(neighbours(sandbox).lines().count()).isGreaterThan(90);
            });
  }

  /**
   * How many flows from a sandbox's address the host's connection tracking has, including those of
   * containers that had the address before.
   */
  private long flows(Started sandbox, String protocol) throws Exception {
    assumeTrue(
        Files.exists(Path.of("/proc/net/nf_conntrack")),
        "this kernel, without CONFIG_NF_CONNTRACK_PROCFS, lists no connections");
    Pattern own =
        Pattern.compile("ipv4 +2 " + protocol + " .*? src=" + address(sandbox) + " .* src=.*");
    return Commands.run(
            "ip", "netns", "exec", around.engine.namespace(), "cat", "/proc/net/nf_conntrack")
        .lines()
        .filter(line -> own.matcher(line).matches())
        .count();
  }

  @Row(59)
  @Test
  void mailIsDeliveredOnlyWhereThatIsAllowed() throws Exception {
    String mail =
        "timeout 20 bash -c 'exec 3<>/dev/tcp/" + Surroundings.PUBLIC + "/25; head -n 1 <&3'";
    Started sandbox = fixture.start(fixture.spec());
    assertRefused(() -> fixture.bash(sandbox.id(), mail), "mail");

    NetworkPolicy policy =
        new NetworkPolicy(
            FirewallMode.HOST,
            new Egress.Public(),
            new Dns.EngineDefault(),
            List.of("203.0.113.7"),
            new TrafficLimits(100, 100, 50 << 20, true));
    Started allowed = fixture.start(fixture.withPolicy(policy));
    await()
        .untilAsserted(
            () -> assertThat(fixture.bash(allowed.id(), mail).output()).isEqualTo(World.GREETING));
  }

  /**
   * The helper ends with its worker, however that ends, and another is started when one is gone.
   */
  @Test
  void aHelperThatIsGoneIsReplacedAndNoneOutlivesTheWorker() throws Exception {
    fixture.start(fixture.spec());
    // One that has done its work is removed by the engine, a moment later.
    await().untilAsserted(() -> assertThat(helpers()).hasSize(1));
    fixture.docker.removeContainerCmd(helpers().getFirst()).withForce(true).exec();

    assertThat(
            fixture
                .bash(fixture.start(fixture.spec()).id(), "echo x > /dev/udp/127.0.0.11/9")
                .output())
        .contains("Operation not permitted");

    await().untilAsserted(() -> assertThat(helpers()).hasSize(1));
    fixture.engine.close(); // as its process's end does
    await().untilAsserted(() -> assertThat(helpers()).isEmpty());
  }

  private List<String> helpers() {
    return fixture
        .docker
        .listContainersCmd()
        .withShowAll(true)
        .withLabelFilter(Map.of("zcbot.product", "sandbox-firewall"))
        .exec()
        .stream()
        .map(container -> container.getId())
        .toList();
  }

  private void unseal(Started sandbox) throws Exception {
    fixture.inNamespace(sandbox.id(), "nft", "delete", "table", "ip", "zcbot");
  }

  private String neighbours(Started sandbox) throws Exception {
    return fixture.inNamespace(sandbox.id(), "ip", "-4", "neigh", "show");
  }

  @Row(20)
  @Test
  void theRulesHoldForIpv6() throws Exception {
    String six = "zcbot-six-" + fixture.worker;
    fixture
        .docker
        .createNetworkCmd()
        .withName(six)
        .withDriver("bridge")
        .withEnableIpv6(true)
        .withIpam(
            new Ipam()
                .withConfig(
                    new Ipam.Config().withSubnet("172.30.0.0/24"),
                    new Ipam.Config().withSubnet("fd00:5::/64").withGateway("fd00:5::1")))
        .withOptions(
            Map.of(
                "com.docker.network.bridge.enable_icc", "false",
                "com.docker.network.bridge.name", "zcbot-six0"))
        .exec();
    Started sandbox = fixture.start(fixture.withNetwork(six));
    assertThat(reaches(sandbox, Surroundings.PUBLIC6)).as("a sandbox has no IPv6").isFalse();
    // one that has: a runtime that does not know how to switch it off, say
    String attacker = attacker(six);
    assertReaches(attacker, Surroundings.PUBLIC6);
    List<String> forbidden = List.of(Surroundings.PRIVATE6, Surroundings.HOST6, "fd00:5::1");
    for (String address : forbidden) {
      assertThat(reaches(attacker, address)).as(address).isFalse();
    }
    assertThat(ask(attacker, Surroundings.PUBLIC6)).containsPattern(NOT_ASKED);

    around.nft("delete", "table", "inet", "zcbot_zcbot_six0");
    for (String address : forbidden) {
      assertReaches(attacker, address);
    }
    assertThat(ask(attacker, Surroundings.PUBLIC6)).as("without rules").isEqualTo("answered");
  }

  @Test
  void anotherWorkersPolicyIsNotFought() throws Exception {
    fixture.start(fixture.spec());
    SandboxSpec others =
        fixture.withPolicy(policy(new Egress.Only(List.of(Surroundings.PRIVATE)), new Dns.Off()));
    String before = rules();
    try (EngineFixture second = EngineFixture.at(around.engine.address(), directory)) {
      EngineException e =
          failure(
              () ->
                  second
                      .sandboxes(others)
                      .create(EngineFixture.user(), second.workspace(EngineFixture.user())));

      assertThat(e.kind()).isEqualTo(Kind.FIREWALL);
      assertThat(e.getMessage())
          .contains("worker " + fixture.worker + " has set rules of another policy")
          .contains("ZCBOT_SANDBOX_NETWORK");
    }
    assertThat(rules()).isEqualTo(before);
    assertThat(fixture.start(others)).as("its own, changed").isNotNull();
  }

  /** Else two workers that share a network would set the rules in turn, without an end. */
  @Test
  void rulesThatAnotherWorkerOfThePolicySetsAreNoChange() throws Exception {
    SandboxSpec spec = fixture.spec();
    fixture.sandboxes().checkFirewall();
    await().untilAsserted(() -> assertThat(helpers()).isEmpty());
    try (EngineFixture second = EngineFixture.at(around.engine.address(), directory);
        AutoCloseable _ = fixture.sandboxes().watchFirewall()) {
      await().until(() -> helpers().size() == 1);
      String watching = helpers().getFirst();

      second.sandboxes(spec).checkFirewall();

      assertThat(second.sandboxes(spec).firewallProblem()).isNull();
      assertThat(rules()).contains("owner=" + second.worker);
      await()
          .during(Duration.ofSeconds(3))
          .atMost(Duration.ofSeconds(60))
          .until(() -> helpers().equals(List.of(watching)));
      assertThat(rules()).contains("owner=" + second.worker);

      around.nft("insert", "rule", "inet", table(), "egress", "accept");
      await("it is watched all the same")
          .atMost(Duration.ofSeconds(60))
          .until(() -> rules().contains("owner=" + fixture.worker));
    }
  }

  private String rules() throws Exception {
    return around.nft("-s", "-t", "list", "table", "inet", table());
  }

  @Test
  void leftoverHelpersAreRemovedAndNoneStays() throws Exception {
    String left =
        fixture
            .docker
            .createContainerCmd(SandboxImage.NAME)
            .withLabels(Map.of("zcbot.product", "sandbox-firewall", "zcbot.worker", fixture.worker))
            .exec()
            .getId();

    fixture.sandboxes().checkFirewall();

    assertThat(fixture.sandboxes().firewallProblem()).isNull();
    await()
        .untilAsserted(
            () ->
                assertThat(
                        fixture
                            .docker
                            .listContainersCmd()
                            .withShowAll(true)
                            .withLabelFilter(Map.of("zcbot.product", "sandbox-firewall"))
                            .exec())
                    .as(left + " and what was made for the rules")
                    .isEmpty());
  }

  @Test
  void tablesOfBridgesThatAreGoneGoToo() throws Exception {
    fixture.start(fixture.spec());
    String table = table();
    assertThat(around.nft("list", "tables")).contains(table);
    fixture.close();
    setUp();

    fixture.start(fixture.spec());

    assertThat(around.nft("list", "tables")).doesNotContain(table).contains(table());
  }

  /** Connections from before the engine's restart fail once. */
  private boolean engineAnswers() throws EngineException {
    fixture.engine.ping();
    return true;
  }

  private static NetworkPolicy policy(Egress egress, Dns dns) {
    return EngineFixture.policy(FirewallMode.HOST, egress, dns);
  }

  /** A container that is not a sandbox of ours, but is on the same network. */
  private String attacker(String network) {
    String id =
        fixture
            .docker
            .createContainerCmd(SandboxImage.NAME)
            .withLabels(Map.of("zcbot.worker", fixture.worker))
            .withEntrypoint("sleep", "600")
            .withHostConfig(HostConfig.newHostConfig().withNetworkMode(network).withInit(true))
            .exec()
            .getId();
    fixture.startContainer(id);
    return id;
  }

  private void listen(Started sandbox) throws InterruptedException {
    fixture.background(
        sandbox.id(),
        "python3",
        "-c",
        """
        import socket
        s = socket.create_server(('0.0.0.0', 8000))
        while True:
            c, _ = s.accept()
            c.sendall(b'%s\\n')
            c.close()"""
            .formatted(World.GREETING));
    assertThat(
            fixture
                .bash(
                    sandbox.id(),
                    "for i in {1..600}; do (: </dev/tcp/127.0.0.1/8000) 2>/dev/null && exit 0;"
                        + " sleep 0.1; done; exit 1")
                .exitCode())
        .isZero();
  }

  private static void bridgeNetfilter(int on) throws Exception {
    for (String family : List.of("iptables", "ip6tables")) {
      Commands.run(
          "ip",
          "netns",
          "exec",
          around.engine.namespace(),
          "sh",
          "-c",
          "echo " + on + " > /proc/sys/net/bridge/bridge-nf-call-" + family);
    }
  }

  private boolean reaches(Started sandbox, String address) throws InterruptedException {
    return reaches(sandbox.id(), address);
  }

  private boolean reaches(String container, String address) throws InterruptedException {
    return connect(container, address).output().contains(World.GREETING);
  }

  private void assertReaches(Started sandbox, String address) {
    assertReaches(sandbox.id(), address);
  }

  /** Retries, since on a busy host an allowed connection can be late. */
  private void assertReaches(String container, String address) {
    await()
        .atMost(Deployment.SOON)
        .untilAsserted(
            () ->
                assertThat(connect(container, address).output())
                    .as(address)
                    .contains(World.GREETING));
  }

  private Outcome connect(String container, String address) throws InterruptedException {
    int port = address.startsWith("172.") && !address.endsWith(".1") ? 8000 : 80;
    return fixture.bash(
        container,
        "timeout 20 bash -c 'exec 3<>/dev/tcp/" + address + "/" + port + " && head -n 1 <&3'");
  }

  private void assertRefused(Started sandbox, String address) {
    assertRefused(() -> connect(sandbox.id(), address), address);
  }

  /** Retries, since a refusal can be late too, but not after something came through. */
  private static void assertRefused(Callable<Outcome> attempt, String what) {
    Outcome outcome =
        await(what + " is refused")
            .atMost(Deployment.SOON)
            .until(
                attempt,
                tried ->
                    tried.output().contains("Connection refused")
                        || tried.output().contains(World.GREETING));
    assertThat(outcome.output()).as(what).contains("Connection refused");
  }

  /** Sends a query to a resolver that the sandbox chose. */
  private String ask(Started sandbox, String resolver) throws InterruptedException {
    return ask(sandbox.id(), resolver);
  }

  private String ask(String container, String resolver) throws InterruptedException {
    return fixture
        .python(
            container,
            """
            import socket
            s = socket.socket(socket.%s, socket.SOCK_DGRAM)
            s.settimeout(0.4)
            s.connect(('%s', 53))
            for _ in range(150):
                try:
                    s.send(bytes.fromhex('1234010000010000000000000161076578616d706c650000010001'))
                    s.recv(512)
                    print('answered')
                    break
                except TimeoutError:
                    continue
                except OSError as e:
                    print(e)
                    break"""
                .formatted(resolver.contains(":") ? "AF_INET6" : "AF_INET", resolver))
        .output();
  }

  private void waitFor(Started sandbox, String words) throws InterruptedException {
    assertThat(
            fixture
                .bash(
                    sandbox.id(),
                    "for i in {1..600}; do grep -q '"
                        + words
                        + "' /tmp/heard 2>/dev/null && exit 0; sleep 0.1; done; exit 1")
                .exitCode())
        .as(words)
        .isZero();
  }

  private String gateway(Started sandbox) {
    return requireNonNull(fixture.attachment(sandbox.id()).getGateway());
  }

  private String address(Started sandbox) {
    return requireNonNull(fixture.attachment(sandbox.id()).getIpAddress());
  }

  private String table() {
    String id = fixture.docker.inspectNetworkCmd().withNetworkId(fixture.network).exec().getId();
    return "zcbot_br_" + id.substring(0, 12);
  }

  private static EngineException failure(Call call) {
    EngineException e = catchThrowableOfType(EngineException.class, call::run);
    assertThat(e).as("an exception").isNotNull();
    return e;
  }

  /** A call that must fail. */
  private interface Call {
    void run() throws Exception;
  }
}
