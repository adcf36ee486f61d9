/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.github.dockerjava.api.model.Container;
import io.zcbot.sandbox.events.RefusedEgress;
import io.zcbot.sandbox.worker.docker.EngineFixture.Started;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.testkit.machine.SandboxImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;

/**
 * One sandbox asks the proxy for as much as it can, and a neighbour goes on as before. {@link
 * NeighbourIT} has the floods that do not concern the proxy.
 */
@Tag("engine")
@Tag("gvisor")
@Order(7)
class EgressFloodIT extends Attacks {
  private static final int TRIES = 3;

  /** A neighbour's median connection, with the flood and without. */
  private static final double MOST_TIMES = 2;

  /** Names, hellos and requests that are refused, and connections that say nothing. */
  private static final String FLOOD =
      """
      import os, socket, ssl, time
      proxy = '198.18.0.1'
      def names():
          s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
          while True:
              name = os.urandom(4).hex().encode()
              question = bytes.fromhex('123401000001000000000000') + b'\\x08' + name
              try: s.sendto(question + bytes.fromhex('0000010001'), ('127.0.0.11', 53))
              except OSError: pass
      def hellos():
          received, sent = ssl.MemoryBIO(), ssl.MemoryBIO()
          client = ssl._create_unverified_context().wrap_bio(received, sent, server_hostname='other.example')
          try: client.do_handshake()
          except ssl.SSLWantReadError: pass
          hello = sent.read()
          while True:
              with socket.create_connection((proxy, 443), 5) as s:
                  s.sendall(hello)
                  s.recv(1)
      def requests():
          request = b'GET / HTTP/1.1\\r\\nHost: other.example\\r\\n\\r\\n' * 100
          while True:
              with socket.create_connection((proxy, 80), 5) as s:
                  while True:
                      s.sendall(request)
                      if not s.recv(65536): break
      def silence():
          held = []
          while True:
              held.append(socket.create_connection((proxy, 80), 5))
              held = held[-300:]
      for kind in (names, hellos, requests, silence):
          if os.fork() == 0:
              while True:
                  try: kind()
                  except OSError: time.sleep(0.01)
      time.sleep(600)
      """;

  /** Prints the median of the milliseconds that connections through the proxy took. */
  private static final String CONNECT =
      """
      import socket, ssl, time
      context, took = ssl._create_unverified_context(), []
      for i in range(60):
          begin = time.monotonic()
          with socket.create_connection(('good.example', 443), 20) as s:
              with context.wrap_socket(s, server_hostname='good.example') as tls: pass
          took.append(time.monotonic() - begin)
          time.sleep(0.02)
      print(sorted(took)[len(took) // 2] * 1000)
      """;

  private SandboxSpec spec;

  @BeforeParameterizedClassInvocation
  void serve() {
    if (profile == Profile.RUNC_CONTAINER) {
      return; // nothing applies
    }
    NamedServers servers = new NamedServers(lab.fixture);
    servers.serve(
        SandboxImage.NAME,
        EgressIT.SERVER,
        "curl -sk https://localhost/ && curl -s http://localhost/");
    servers.resolve(List.of("good.example"), Map.of(), List.of());
    spec =
        NamedServers.with(
            servers.policy(
                List.of("good.example"), List.of(servers.server + ":443", servers.server + ":80")),
            lab.spec);
  }

  @Row(87)
  @Test
  void aFloodHarmsNoNeighbour() throws Exception {
    applies(87);
    Started neighbour = lab.fresh(spec);
    double times = Double.MAX_VALUE;
    for (int i = 0; i < TRIES && times > MOST_TIMES; i++) {
      double calm = connect(neighbour);
      Started attacker = lab.fresh(spec);
      lab.fixture.background(attacker.id(), "python3", "-c", FLOOD);
      await("the flood")
          .atMost(Duration.ofSeconds(60))
          .untilAsserted(
              () ->
                  assertThat(lab.fixture.sandboxes(spec).refused(attacker.id()))
                      .extracting(RefusedEgress::protocol)
                      .contains("dns"));
      long before = processorTime();
      long begin = System.nanoTime();
      double flooded = connect(neighbour);
      double share = (double) (processorTime() - before) / (System.nanoTime() - begin);
      times = Math.min(times, flooded / calm);
      System.out.printf(
          "%s: a connection takes %.1f ms, %.1f ms during a flood, for which the proxy takes %.2f"
              + " processors%n",
          profile, calm, flooded, share);
      lab.fixture.docker.removeContainerCmd(attacker.id()).withForce(true).exec();
    }
    assertThat(times).isLessThanOrEqualTo(MOST_TIMES);
  }

  private double connect(Started sandbox) throws InterruptedException {
    return Double.parseDouble(python(sandbox.id(), CONNECT));
  }

  /** Of the proxy, in nanoseconds. */
  private long processorTime() throws IOException {
    Container proxy =
        lab.fixture
            .docker
            .listContainersCmd()
            .withLabelFilter(
                Map.of("zcbot.worker", lab.fixture.worker, "zcbot.product", "sandbox-egress"))
            .exec()
            .getFirst();
    Path file = lab.cgroupFile(proxy.getId(), "cpuacct", "cpuacct.usage", "cpu.stat");
    String text = Files.readString(file).strip();
    return text.startsWith("usage_usec ")
        ? Long.parseLong(text.lines().findFirst().orElseThrow().split(" ")[1]) * 1000
        : Long.parseLong(text);
  }
}
