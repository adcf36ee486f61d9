/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import com.github.dockerjava.api.command.CreateContainerCmd;
import com.github.dockerjava.api.model.HostConfig;
import io.zcbot.sandbox.worker.docker.EngineFixture;
import io.zcbot.sandbox.worker.testkit.machine.Commands;
import io.zcbot.sandbox.worker.testkit.machine.SandboxImage;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A machine next to the host that answers at addresses of every kind, on ports 8000, 25 and 53:
 * without a firewall, a container reaches each. It is a namespace behind a virtual network link,
 * with a route to each address.
 */
final class Elsewhere implements AutoCloseable {
  static final int PORT = 8000;

  private int n = number();
  private final Lab lab;
  private final EngineFixture fixture;
  private final int free;
  private final String container;
  private final String cable = "zs" + UUID.randomUUID().toString().substring(0, 8);

  Elsewhere(Lab lab) throws IOException, InterruptedException {
    this.lab = lab;
    this.fixture = lab.fixture;
    free = freeBlock();
    container = start();
    try {
      connect();
    } catch (IOException | InterruptedException | RuntimeException e) {
      close();
      throw e;
    }
  }

  /** Engines hand 192.168.0.0/16 out in blocks of 16: what is in a network's own is no detour. */
  private int freeBlock() {
    List<String> subnets =
        fixture.docker.listNetworksCmd().exec().stream()
            .flatMap(network -> Stream.ofNullable(network.getIpam().getConfig()))
            .flatMap(List::stream)
            .map(config -> String.valueOf(config.getSubnet()))
            .toList();
    return IntStream.rangeClosed(0, 15)
        .map(i -> 240 - 16 * i)
        .filter(block -> subnets.stream().noneMatch(s -> s.startsWith("192.168." + block + ".")))
        .findFirst()
        .orElseThrow();
  }

  String metadata() {
    return "169.254.169." + n;
  }

  String carrierGrade() {
    return "100.100.77." + n;
  }

  List<String> privates() {
    return List.of("10.255.77." + n, "172.16.77." + n, "192.168." + free + "." + n);
  }

  /** The address in ZCBOT_PG_IPS. */
  String database() {
    return "198.51.100." + n;
  }

  String publicAddress() {
    return "20.255.77." + n;
  }

  private List<String> all() {
    List<String> all = new ArrayList<>(privates());
    all.addAll(List.of(metadata(), carrierGrade(), database(), publicAddress()));
    return all;
  }

  private String start() {
    try (CreateContainerCmd command = fixture.docker.createContainerCmd(SandboxImage.NAME)) {
      String id =
          command
              .withName("zcbot-elsewhere-" + UUID.randomUUID())
              .withLabels(Map.of("zcbot.worker", fixture.worker))
              .withEntrypoint(
                  "bash",
                  "-c",
                  "for port in 25 53; do python3 -m http.server -d /usr/share $port &"
                      + " until (: 3<>/dev/tcp/127.0.0.1/$port) 2>/dev/null; do sleep 0.02; done;"
                      + " done; exec python3 -m http.server -d /usr/share "
                      + PORT)
              .withHostConfig(HostConfig.newHostConfig().withNetworkMode("none").withInit(true))
              .exec()
              .getId();
      fixture.startContainer(id);
      return id;
    }
  }

  private static int number() {
    return ThreadLocalRandom.current().nextInt(2, 250);
  }

  /** With another number where another run has routes to these addresses. */
  private void connect() throws IOException, InterruptedException {
    for (int tries = 1; ; tries++) {
      try {
        connectOnce();
        return;
      } catch (IOException e) {
        if (tries == 5 || !e.getMessage().contains("File exists")) {
          throw e;
        }
        lab.onHost("ip", "link", "delete", cable); // and the routes by it
        n = number();
      }
    }
  }

  private void connectOnce() throws IOException, InterruptedException {
    long pid = lab.pid(container);
    String there = cable + "p";
    String near = "198.19." + n + ".1";
    String far = "198.19." + n + ".2";
    lab.onHost("ip", "link", "add", cable, "type", "veth", "peer", "name", there);
    lab.onHost("ip", "link", "set", there, "netns", "" + pid);
    lab.onHost("ip", "address", "add", near + "/30", "dev", cable);
    lab.onHost("ip", "link", "set", cable, "up");
    inside(pid, "address", "add", far + "/30", "dev", there);
    inside(pid, "link", "set", there, "up");
    inside(pid, "route", "add", "default", "via", near);
    // Without a route the host drops packets before its rules see them.
    if (lab.onHost("ip", "route", "show", "default").isBlank()) {
      lab.onHost("ip", "route", "add", "default", "via", far);
    }
    for (String address : all()) {
      inside(pid, "address", "add", address + "/32", "dev", "lo");
      lab.onHost("ip", "route", "add", address + "/32", "via", far);
    }
  }

  private static void inside(long pid, String... command) throws IOException, InterruptedException {
    List<String> words = new ArrayList<>(List.of("nsenter", "-t", "" + pid, "-n", "ip"));
    words.addAll(List.of(command));
    Commands.run(words.toArray(String[]::new));
  }

  /** The network link and its routes are removed with the namespace. */
  @Override
  public void close() throws IOException {
    try {
      fixture.docker.removeContainerCmd(container).withForce(true).exec();
      // what remains if the cable never got to the other side
      lab.onHost(
          "sh", "-c", "ip link delete $0 2>/dev/null || ! ip link show $0 >/dev/null 2>&1", cable);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new InterruptedIOException("interrupted while clearing away");
    }
  }
}
