/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import com.github.dockerjava.api.command.CreateContainerCmd;
import com.github.dockerjava.api.model.HostConfig;
import io.zcbot.sandbox.worker.docker.EngineFixture;
import io.zcbot.sandbox.worker.docker.api.DockerEngineSettings;
import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.testkit.machine.Execs.Said;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * A server with names, and the resolver that knows them, in a network of their own without rules.
 * The engine's fixture removes all of it.
 */
final class NamedServers {
  private final EngineFixture fixture;

  /** The network, in which containers reach each other. */
  final String network;

  /** The server's address, which is private. */
  String server = "";

  /** The resolver's. */
  String resolver = "";

  private String resolverContainer = "";

  /** Creates the network, without a server. */
  NamedServers(EngineFixture fixture) {
    this.fixture = fixture;
    this.network = fixture.openNetwork();
  }

  /** An address of the host in the network. */
  String gateway() {
    return Objects.requireNonNull(
        fixture
            .docker
            .inspectNetworkCmd()
            .withNetworkId(network)
            .exec()
            .getIpam()
            .getConfig()
            .getFirst()
            .getGateway());
  }

  /**
   * Starts the server.
   *
   * @param script of the server, in Python
   * @param serves a command in its container that succeeds once it serves
   * @return the container
   */
  String serve(String image, String script, String serves) {
    String container = run(image, List.of("python3", "-c", script));
    server = address(container);
    await("the server")
        .atMost(Duration.ofSeconds(60))
        .until(() -> fixture.run(container, "0:0", "bash", "-c", serves).exitCode() == 0);
    return container;
  }

  /**
   * Starts the resolver, once the server serves.
   *
   * @param ownNames names of the server; those below them are its own, too
   * @param otherNames names with other addresses
   * @param options more options of dnsmasq
   */
  void resolve(List<String> ownNames, Map<String, String> otherNames, List<String> options) {
    List<String> dns =
        new ArrayList<>(
            List.of(
                "dnsmasq",
                "--keep-in-foreground",
                "--user=egress",
                "--group=egress",
                "--no-resolv",
                "--no-hosts",
                "--pid-file=",
                "--log-queries",
                "--log-facility=-"));
    ownNames.forEach(name -> dns.add("--address=/" + name + "/" + server));
    otherNames.forEach((name, address) -> dns.add("--address=/" + name + "/" + address));
    dns.addAll(options);
    resolverContainer = run(DockerEngineSettings.EGRESS_IMAGE, dns);
    resolver = address(resolverContainer);
  }

  /** A policy with these names, whose resolver this is, and networks beside it. */
  NetworkPolicy policy(List<String> names, List<String> networks) {
    return new NetworkPolicy(
        FirewallMode.HOST,
        new Egress.ByName(names, networks),
        new Dns.Resolvers(List.of(resolver)),
        List.of());
  }

  static SandboxSpec with(NetworkPolicy policy, SandboxSpec spec) {
    return new SandboxSpec(spec.image(), spec.runtime(), spec.limits(), spec.network(), policy);
  }

  /** Starts another container in the network. */
  String run(String image, List<String> command) {
    try (CreateContainerCmd create = fixture.docker.createContainerCmd(image)) {
      String id =
          create
              .withEntrypoint(command)
              .withCmd(List.of())
              .withUser("0:0")
              .withLabels(Map.of("zcbot.worker", fixture.worker))
              .withHostConfig(
                  HostConfig.newHostConfig().withNetworkMode(network).withRuntime("runc"))
              .exec()
              .getId();
      fixture.startContainer(id);
      return id;
    }
  }

  /** The address of a container in the network. */
  String address(String id) {
    return Objects.requireNonNull(
        fixture
            .docker
            .inspectContainerCmd(id)
            .exec()
            .getNetworkSettings()
            .getNetworks()
            .get(network)
            .getIpAddress());
  }

  /** What the resolver was asked so far; it was asked for this name. */
  List<String> queries(String known) throws InterruptedException {
    Said said = new Said();
    fixture
        .docker
        .logContainerCmd(resolverContainer)
        .withStdOut(true)
        .withStdErr(true)
        .exec(said)
        .awaitCompletion();
    assertThat(said.toString()).as("queries are logged").contains("query[A] " + known);
    return said.toString().lines().toList();
  }
}
