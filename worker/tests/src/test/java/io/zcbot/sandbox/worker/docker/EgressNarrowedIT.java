/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.github.dockerjava.api.async.ResultCallback;
import com.github.dockerjava.api.command.CreateContainerCmd;
import com.github.dockerjava.api.command.CreateNetworkCmd;
import com.github.dockerjava.api.model.Container;
import com.github.dockerjava.api.model.Frame;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.Network.Ipam;
import com.github.dockerjava.api.model.Statistics;
import com.github.dockerjava.core.DefaultDockerClientConfig;
import com.github.dockerjava.core.InvocationBuilder.AsyncResultCallback;
import io.zcbot.sandbox.worker.docker.EngineFixture.Started;
import io.zcbot.sandbox.worker.sandbox.SandboxMetrics;
import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.testkit.machine.Execs.Said;
import io.zcbot.sandbox.worker.testkit.machine.SandboxImage;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Sandboxes of one bridge that may reach different names: a real engine and the real proxy.
 * EgressIT has what one policy for all of them lets pass.
 */
@Tag("engine")
@Order(7)
class EgressNarrowedIT {
  private static final String SERVER =
      """
      import http.server
      class Handler(http.server.BaseHTTPRequestHandler):
          protocol_version = 'HTTP/1.1'
          def do_GET(self):
              body = ('hello ' + self.headers.get('Host', '')).encode()
              self.send_response(200)
              self.send_header('Content-Length', str(len(body)))
              self.end_headers()
              self.wfile.write(body)
      http.server.ThreadingHTTPServer(('', 80), Handler).serve_forever()
      """;

  /** Holds a connection, and writes what became of it. */
  private static final String HOLD =
      """
      import socket
      server = socket.create_connection(('good.example', 80), 10)
      server.sendall(b'GET / HTTP/1.1\\r\\nHost: good.example\\r\\n\\r\\n')
      answer = b''
      while b'hello good.example' not in answer:
          more = server.recv(9999)
          assert more, answer
          answer += more
      open('/tmp/held', 'w').write('open')
      server.settimeout(60)
      try: server.recv(1)
      except OSError: pass
      open('/tmp/held', 'w').write('closed')
      """;

  private static final List<String> GOOD = List.of("good.example");
  private static final List<String> WILD = List.of("*.wild.example:80");
  private static final Duration PATIENCE = Duration.ofSeconds(60);

  /** So few addresses that they are used again soon: the gateway's, and four for sandboxes. */
  private static final String SUBNET = "10.213.77.0/29";

  private static final int ADDRESSES = 5;

  @TempDir static Path directory;
  private static EngineFixture fixture;
  private static final List<String> world = new ArrayList<>();
  private static String worldNetwork;
  private static SandboxSpec spec;

  @BeforeAll
  static void start() throws Exception {
    fixture = new EngineFixture(directory, PATIENCE);
    worldNetwork = "zcbot-world-" + fixture.worker;
    try (CreateNetworkCmd command = fixture.docker.createNetworkCmd()) {
      command.withName(worldNetwork).exec();
    }
    try (CreateNetworkCmd command = fixture.docker.createNetworkCmd()) {
      command
          .withName(fixture.network)
          .withOptions(Map.of("com.docker.network.bridge.enable_icc", "false"))
          .withIpam(
              new Ipam()
                  .withConfig(new Ipam.Config().withSubnet(SUBNET).withGateway("10.213.77.1")))
          .exec();
    }
    String server = address(run(SandboxImage.NAME, "python3", "-c", SERVER));
    String resolver =
        address(
            run(
                SandboxImage.EGRESS,
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
                "--address=/wild.example/" + server));
    spec =
        fixture.withPolicy(
            new NetworkPolicy(
                FirewallMode.HOST,
                new Egress.ByName(
                    List.of("good.example", "*.wild.example"), List.of(server + ":80")),
                new Dns.Resolvers(List.of(resolver)),
                List.of()));
  }

  @AfterAll
  static void stop() throws Exception {
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

  private static Started sandbox(List<String> allow) throws Exception {
    Started sandbox = fixture.start(spec);
    if (allow != null) {
      let(sandbox, allow);
    }
    return sandbox;
  }

  private static void let(Started sandbox, List<String> allow) throws Exception {
    fixture.sandboxes(spec).let(sandbox.id(), allow);
  }

  private static void remove(Started sandbox) {
    fixture.docker.removeContainerCmd(sandbox.id()).withForce(true).exec();
  }

  private static String addressOf(Started sandbox) {
    return Objects.requireNonNull(fixture.attachment(sandbox.id()).getIpAddress());
  }

  private static String get(Started sandbox, String name) throws Exception {
    return fixture.bash(sandbox.id(), "curl -sS --max-time 20 http://" + name + "/ 2>&1").output();
  }

  private static void assertReaches(Started sandbox, String... names) throws Exception {
    for (String name : names) {
      assertThat(get(sandbox, name)).isEqualTo("hello " + name);
    }
  }

  private static void assertRefused(Started sandbox, String why, String... names) throws Exception {
    for (String name : names) {
      assertThat(get(sandbox, name))
          .isEqualTo("This sandbox may not reach " + name + " on port 80: " + why);
    }
  }

  private static void assertEachReachesItsOwn(Started good, Started wild) throws Exception {
    assertReaches(good, "good.example");
    assertRefused(good, "narrowed", "a.wild.example");
    assertReaches(wild, "a.wild.example", "b.a.wild.example");
    assertRefused(wild, "narrowed", "good.example");
  }

  private static Container proxy(EngineFixture of) {
    List<Container> all =
        fixture
            .docker
            .listContainersCmd()
            .withLabelFilter(Map.of("zcbot.worker", of.worker, "zcbot.product", "sandbox-egress"))
            .exec();
    assertThat(all).hasSize(1);
    return all.getFirst();
  }

  @Test
  void neighboursReachWhatEachMayAlsoAfterTheProxyWasKilled() throws Exception {
    Started good = sandbox(GOOD);
    Started wild = sandbox(WILD);
    Started nothing = sandbox(List.of());
    assertEachReachesItsOwn(good, wild);
    assertRefused(nothing, "narrowed", "good.example", "a.wild.example");

    String killed = proxy(fixture).getId();
    fixture.docker.killContainerCmd(killed).exec();
    await("another proxy")
        .atMost(PATIENCE)
        .until(
            () -> {
              fixture.sandboxes(spec).checkFirewall();
              return get(good, "good.example").equals("hello good.example");
            });
    assertThat(proxy(fixture).getId()).isNotEqualTo(killed);
    assertEachReachesItsOwn(good, wild);
    assertRefused(nothing, "narrowed", "good.example", "a.wild.example");
    List.of(good, wild, nothing).forEach(EgressNarrowedIT::remove);
  }

  /** A name below a wildcard of the bridge would reach its name server. */
  @Test
  void aNameThatIsNarrowedAwayIsNotLookedUp() throws Exception {
    Started good = sandbox(GOOD);
    Started whole = sandbox(null);
    assertRefused(good, "narrowed", "secret-data.wild.example");
    assertReaches(whole, "no-secret.wild.example");
    assertThat(queries())
        .anyMatch(line -> line.contains("no-secret.wild.example"))
        .noneMatch(line -> line.contains("secret-data"));
    remove(good);
    remove(whole);
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
    return said.toString().lines().toList();
  }

  @Test
  void aPolicyChangesInPlaceAndEndsTheConnectionsThatItDoesNotAllow() throws Exception {
    Started sandbox = sandbox(GOOD);
    Started neighbour = sandbox(null);
    for (Started each : List.of(sandbox, neighbour)) {
      fixture.background(each.id(), "python3", "-c", HOLD);
      await().atMost(PATIENCE).until(() -> held(each).equals("open"));
    }
    List<Long> took = new ArrayList<>();
    for (List<String> next : List.of(List.of("good.example", "*.wild.example"), WILD, GOOD, WILD)) {
      long before = System.nanoTime();
      let(sandbox, next);
      took.add(TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - before));
      if (next.size() == 2) {
        assertReaches(sandbox, "good.example", "a.wild.example");
        assertThat(held(sandbox)).as("after a change that allows more").isEqualTo("open");
      } else {
        assertRefused(sandbox, "narrowed", next == WILD ? "good.example" : "a.wild.example");
        assertReaches(sandbox, next == WILD ? "a.wild.example" : "good.example");
      }
    }
    System.out.println("changes of a policy took " + took + " ms");
    assertThat(took).allMatch(each -> each < 1000);
    await().atMost(Duration.ofSeconds(10)).until(() -> held(sandbox).equals("closed"));
    assertThat(held(neighbour)).isEqualTo("open");
    remove(sandbox);
    remove(neighbour);
  }

  private static String held(Started sandbox) throws Exception {
    return fixture.bash(sandbox.id(), "cat /tmp/held 2>/dev/null").output();
  }

  @Test
  void theNextSandboxWithAnAddressInheritsNothing() throws Exception {
    Started wide = sandbox(null);
    String address = addressOf(wide);
    assertReaches(wide, "good.example", "a.wild.example");
    remove(wide);
    Started next = atAddress(address, List.of());
    assertRefused(next, "narrowed", "good.example", "a.wild.example");
    remove(next);
    Started whole = atAddress(address, null);
    assertReaches(whole, "good.example", "a.wild.example");
    remove(whole);
  }

  /**
   * Starts sandboxes until one has an address; the engine goes through all before it repeats one.
   */
  private static Started atAddress(String address, List<String> allow) throws Exception {
    List<Started> others = new ArrayList<>();
    try {
      for (int i = 0; i < 2 * ADDRESSES; i++) {
        Started next = sandbox(allow);
        if (addressOf(next).equals(address)) {
          return next;
        }
        others.add(next);
        if (others.size() == ADDRESSES - 1) {
          remove(others.removeFirst());
        }
      }
    } finally {
      others.forEach(EgressNarrowedIT::remove);
    }
    throw new AssertionError("the engine does not use " + address + " again");
  }

  /** The next worker takes over the proxy with its policies, or starts another without any. */
  @Test
  void theNextWorkerFindsThePoliciesAndOpensNoneThatItWasNotTold() throws Exception {
    try (EngineFixture own = new EngineFixture(directory.resolve("next"), PATIENCE)) {
      SandboxSpec same = own.withPolicy(spec.policy());
      Started good = own.start(same);
      Started wild = own.start(same);
      own.sandboxes(same).let(good.id(), GOOD);
      own.sandboxes(same).let(wild.id(), WILD);
      fixture.background(good.id(), "python3", "-c", HOLD);
      await().atMost(PATIENCE).until(() -> held(good).equals("open"));
      String proxy = proxy(own).getId();
      own.engine.close();
      try (DockerEngine next = next(own)) {
        DockerSandboxes sandboxes = next.sandboxes(same, own.uids);
        sandboxes.checkFirewall();
        assertThat(proxy(own).getId()).isEqualTo(proxy);
        assertEachReachesItsOwn(good, wild);
        sandboxes.let(good.id(), GOOD);
        assertThat(held(good)).as("after it was told again what it reaches").isEqualTo("open");
      }
      fixture.docker.killContainerCmd(proxy).exec();
      try (DockerEngine next = next(own)) {
        DockerSandboxes sandboxes = next.sandboxes(same, own.uids);
        sandboxes.checkFirewall();
        assertThat(proxy(own).getId()).isNotEqualTo(proxy);
        assertRefused(good, "no-policy", "good.example");
        assertRefused(wild, "no-policy", "a.wild.example");
        sandboxes.let(good.id(), GOOD);
        sandboxes.let(wild.id(), WILD);
        assertEachReachesItsOwn(good, wild);
      }
    }
  }

  private static DockerEngine next(EngineFixture before) {
    return new DockerEngine(
        DefaultDockerClientConfig.createDefaultConfigBuilder().build(),
        before.worker,
        EngineFixture.settings(PATIENCE),
        SandboxMetrics.NONE);
  }

  /** Each is as long as one may be. */
  @Test
  void aThousandPoliciesTakeLittleMemoryAndTime() throws Exception {
    Started sandbox = sandbox(GOOD);
    String id = proxy(fixture).getId();
    String policy = "," + "a-name-of-39-characters.wild.example:443,".repeat(100);
    StringBuilder lines = new StringBuilder();
    for (int i = 0; i < 1000; i++) {
      lines.append("9%d 10.98.%d.%d cut %s\n".formatted(i, i / 250, 1 + i % 250, policy));
    }
    long before = memory(id);
    CountDownLatch answers = new CountDownLatch(1000);
    long began = System.nanoTime();
    try (var _ =
        fixture
            .docker
            .attachContainerCmd(id)
            .withStdOut(true)
            .withFollowStream(true)
            .withStdIn(
                new ByteArrayInputStream(lines.toString().getBytes(StandardCharsets.US_ASCII)))
            .exec(
                new ResultCallback.Adapter<Frame>() {
                  @Override
                  public void onNext(Frame frame) {
                    new String(frame.getPayload(), StandardCharsets.US_ASCII)
                        .lines()
                        .filter(line -> line.matches("policy 9\\d+ ok"))
                        .forEach(_ -> answers.countDown());
                  }
                })) {
      assertThat(answers.await(60, TimeUnit.SECONDS)).as("%s are left", answers).isTrue();
    }
    long took = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
    long more = memory(id) - before;
    System.out.println("1,000 policies took " + took + " ms and " + (more >> 10) + " KiB");
    assertThat(more).isLessThan(64L << 20);
    assertReaches(sandbox, "good.example");
    remove(sandbox);
  }

  private static long memory(String id) throws Exception {
    try (var callback = new AsyncResultCallback<Statistics>()) {
      fixture.docker.statsCmd(id).withNoStream(true).exec(callback);
      return Objects.requireNonNull(callback.awaitResult().getMemoryStats().getUsage());
    }
  }
}
