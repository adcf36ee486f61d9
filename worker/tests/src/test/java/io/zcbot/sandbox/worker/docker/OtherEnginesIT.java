/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import io.zcbot.sandbox.worker.docker.EngineFixture.Started;
import io.zcbot.sandbox.worker.docker.host.EngineFacts;
import io.zcbot.sandbox.worker.engine.CommandChannel;
import io.zcbot.sandbox.worker.engine.CommandEngine;
import io.zcbot.sandbox.worker.sandbox.Workspaces;
import io.zcbot.sandbox.worker.security.Row;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import io.zcbot.sandbox.worker.spec.SandboxUids;
import io.zcbot.sandbox.worker.testkit.InFullRuns;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The host's firewall with engines whose isolation is stronger than runc's. */
@Tag("engine")
@Tag("network-namespaces")
@Tag("gvisor")
@Order(23)
class OtherEnginesIT {
  private static final Path BASE = Path.of("/var/tmp/zcbot-firewall");

  /** gVisor: a kernel of its own, which knows no rules of ours; the host's hold all the same. */
  @Test
  void theHostsRulesHoldForARuntimeWithAKernelOfItsOwn(@TempDir Path directory) throws Exception {
    Path config =
        Files.writeString(
            directory.resolve("daemon.json"),
            """
            {"runtimes": {"other-kernel": {"path": "/usr/bin/runsc",
             "runtimeArgs": ["--platform=systrap", "--network=host", "--ignore-cgroups"]}}}""");
    try (Surroundings around = new Surroundings(BASE, "fw-gvisor", "--config-file=" + config);
        EngineFixture fixture = EngineFixture.at(around.engine.address(), directory)) {
      NetworkPolicy policy = EngineFixture.policy(FirewallMode.HOST);
      SandboxSpec spec = fixture.withRuntime("other-kernel", policy);
      EngineFacts facts = fixture.engine.facts();
      assertThat(facts.firewallProblem(spec)).isNull();
      Started sandbox = fixture.start(spec);
      assertThat(fixture.bash(sandbox.id(), "cat /proc/version").output())
          .as("not the host's kernel")
          .isNotEqualTo(Files.readString(Path.of("/proc/version")).strip());
      checkReach(fixture, sandbox, FirewallMode.HOST);
      String status = fixture.run(sandbox.id(), "", "cat", "/proc/self/status").output();
      assertThat(status)
          .contains("Uid:\t1000", "CapEff:\t0000000000000000", "CapBnd:\t0000000000000000");

      for (FirewallMode mode : List.of(FirewallMode.CONTAINER, FirewallMode.BOTH)) {
        SandboxSpec inside = fixture.withRuntime("other-kernel", EngineFixture.policy(mode));
        assertThat(facts.firewallProblem(inside))
            .contains("has no effect with the runtime other-kernel");
      }
      lift(around, fixture);
      awaitReached(fixture, sandbox, Surroundings.METADATA);
    }
  }

  @Row(15)
  @Test
  @InFullRuns("WarmSlotsIT, on an engine that does not")
  void anEngineThatRemapsUsersIsFitted(@TempDir Path directory) throws Exception {
    Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
    try (Surroundings around = new Surroundings(BASE, "fw-userns", "--userns-remap=default");
        EngineFixture fixture = EngineFixture.at(around.engine.address(), directory)) {
      fixture.uids = new SandboxUids(20_000, 20_063);
      for (FirewallMode mode : FirewallMode.values()) {
        SandboxSpec spec = fixture.withPolicy(EngineFixture.policy(mode));
        fixture.owner = fixture.engine.facts().workspaceOwner();
        assertThat(fixture.owner).isNotEqualTo(Workspaces.Owner.UNMAPPED);

        Started sandbox = fixture.start(spec);

        assertThat(fixture.bash(sandbox.id(), "stat -c %u:%g .; echo hi > f; cat f").output())
            .isEqualTo(fixture.agent(sandbox.id()) + "\nhi");
        assertThat(Files.getAttribute(sandbox.workspace().resolve("f"), "unix:uid"))
            .isEqualTo(fixture.owner.uid());
        assertThat(fixture.bash(sandbox.id(), "cat /proc/self/uid_map").output())
            .as("root is somebody else")
            .doesNotContainPattern("^\\s*0\\s+0\\s");
        checkReach(fixture, sandbox, mode);
        switch (mode) {
          case HOST -> {
            checkCommands(fixture, spec, sandbox, false);
            checkCommands(fixture, spec, sandbox, true);
          }
          case CONTAINER -> checkCommands(fixture, spec, sandbox, true);
          case BOTH -> {} // as in a container
        }
      }
    }
  }

  private static void checkCommands(
      EngineFixture fixture, SandboxSpec spec, Started sandbox, boolean byEngine) throws Exception {
    CommandEngine commands = fixture.engine.commands(spec, byEngine);
    try (CommandChannel channel = commands.open(sandbox.id())) {
      assertThat(fixture.docker.inspectContainerCmd(sandbox.id()).exec().getExecIds() != null)
          .as("whether the engine started a runner")
          .isEqualTo(byEngine);
      new CommandTrials(channel, fixture.agent(sandbox.id())).run(sandbox, fixture.owner);
    }
  }

  private static void checkReach(EngineFixture fixture, Started sandbox, FirewallMode mode)
      throws Exception {
    awaitReached(fixture, sandbox, Surroundings.PUBLIC);
    List<String> forbidden =
        new ArrayList<>(
            List.of(
                Surroundings.METADATA,
                Surroundings.PRIVATE,
                Surroundings.PG,
                requireNonNull(fixture.attachment(sandbox.id()).getGateway())));
    if (mode != FirewallMode.CONTAINER) { // from inside, a host's public address is like any other
      forbidden.add(Surroundings.HOST);
    }
    for (String address : forbidden) {
      assertThat(reaches(fixture, sandbox, address)).as(mode + ": " + address).isFalse();
    }
  }

  private static void lift(Surroundings around, EngineFixture fixture) throws Exception {
    String id = fixture.docker.inspectNetworkCmd().withNetworkId(fixture.network).exec().getId();
    around.nft("delete", "table", "inet", "zcbot_br_" + id.substring(0, 12));
  }

  /** Retries, since on a busy host an allowed connection can be late. */
  private static void awaitReached(EngineFixture fixture, Started sandbox, String address) {
    await(address + " is reached").until(() -> reaches(fixture, sandbox, address));
  }

  private static boolean reaches(EngineFixture fixture, Started sandbox, String address)
      throws InterruptedException {
    return fixture
        .python(
            sandbox.id(),
            """
            import socket
            with socket.create_connection(('%s', 80), 10) as s:
                print(s.recv(100).decode())"""
                .formatted(address))
        .output()
        .contains(World.GREETING);
  }
}
