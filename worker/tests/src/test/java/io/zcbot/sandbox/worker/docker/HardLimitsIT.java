/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.docker;

import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.entry;

import com.github.dockerjava.api.command.InspectContainerResponse;
import com.github.dockerjava.api.model.BindPropagation;
import com.github.dockerjava.api.model.Capability;
import com.github.dockerjava.api.model.HostConfig;
import com.github.dockerjava.api.model.LogConfig;
import com.github.dockerjava.api.model.Mount;
import com.github.dockerjava.api.model.MountType;
import com.github.dockerjava.api.model.Ulimit;
import io.zcbot.sandbox.worker.docker.EngineFixture.Started;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.Parameter;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

/** Every hard limit of a sandbox, as the engine reports it. The attacks are in {@code security}. */
@Tag("engine")
@ParameterizedClass
@EnumSource(FirewallMode.class)
class HardLimitsIT {
  @TempDir static Path directory;
  private static EngineFixture fixture;
  private static Started sandbox;
  private static boolean rootInside;

  @Parameter FirewallMode firewall;

  @BeforeParameterizedClassInvocation
  static void setUp(FirewallMode firewall) throws Exception {
    fixture = new EngineFixture(directory.resolve(firewall.name()), Duration.ofSeconds(60));
    rootInside = firewall != FirewallMode.HOST;
    sandbox = fixture.start(fixture.withPolicy(EngineFixture.policy(firewall)));
  }

  @AfterParameterizedClassInvocation
  static void tearDown() throws IOException {
    fixture.close();
  }

  @Test
  void theEngineHasAllOfThem() {
    InspectContainerResponse inspect = fixture.docker.inspectContainerCmd(sandbox.id()).exec();
    HostConfig host = inspect.getHostConfig();

    assertThat(host.getReadonlyRootfs()).isTrue();
    assertThat(host.getPrivileged()).isFalse();
    assertThat(host.getCapDrop()).containsExactly(Capability.ALL);
    if (rootInside) {
      assertThat(host.getCapAdd()).containsExactly(Capability.NET_ADMIN);
      assertThat(inspect.getConfig().getUser()).isEqualTo("0:0");
    } else {
      assertThat(host.getCapAdd()).isNullOrEmpty();
      assertThat(inspect.getConfig().getUser()).isEqualTo("1000:1000");
    }
    assertThat(host.getSecurityOpts()).containsExactly("no-new-privileges:true");
    assertThat(host.getPidsLimit()).isEqualTo(64);
    assertThat(host.getMemory()).isEqualTo(256L << 20);
    assertThat(host.getMemorySwap()).as("memory and swap").isEqualTo(host.getMemory());
    assertThat(host.getNanoCPUs()).isEqualTo(500_000_000);
    assertThat(host.getRestartPolicy().getName()).isEqualTo("no");
    assertThat(host.getInit()).as("the runner reaps").isFalse();
    assertThat(inspect.getConfig().getStdinOpen()).isEqualTo(!rootInside);
    assertThat(inspect.getConfig().getStdInOnce()).isFalse();
    assertThat(host.getShmSize()).isEqualTo(64L << 20);
    assertThat(host.getOomScoreAdj()).isEqualTo(500);
    assertThat(host.getTmpFs())
        .containsExactly(entry("/tmp", "rw,exec,nosuid,nodev,size=16777216,mode=1777"));
    assertThat(host.getUlimits())
        .containsExactlyInAnyOrder(new Ulimit("nofile", 4096L, 4096L), new Ulimit("core", 1L, 1L));
    if (rootInside) {
      assertThat(host.getLogConfig().getType()).isEqualTo(LogConfig.LoggingType.LOCAL);
      assertThat(host.getLogConfig().getConfig())
          .contains(entry("max-size", "1m"), entry("max-file", "1"));
    } else {
      assertThat(host.getLogConfig().getType()).isEqualTo(LogConfig.LoggingType.NONE);
    }
    assertThat(host.getNetworkMode()).isEqualTo(fixture.network);
    assertThat(host.getPortBindings())
        .satisfiesAnyOf(
            ports -> assertThat(ports).isNull(),
            ports -> assertThat(ports.getBindings()).isEmpty());
    assertThat(host.getPublishAllPorts()).isFalse();
    assertThat(host.getPidMode()).isEmpty();
    assertThat(host.getIpcMode()).isEqualTo("private");
    assertThat(host.getUtSMode()).isEmpty();
    assertThat(host.getUsernsMode()).isEmpty();
    assertThat(host.getCgroupnsMode()).isEqualTo("private");
    assertThat(host.getBinds()).isNullOrEmpty();
    List<Mount> mounts = requireNonNull(host.getMounts());
    assertThat(mounts).hasSize(1);
    Mount mount = mounts.getFirst();
    assertThat(mount.getType()).isEqualTo(MountType.BIND);
    assertThat(mount.getSource()).isEqualTo(sandbox.workspace().toString());
    assertThat(mount.getTarget()).isEqualTo("/workspace");
    assertThat(requireNonNull(mount.getBindOptions()).getPropagation())
        .isEqualTo(BindPropagation.R_PRIVATE);
    assertThat(inspect.getMounts()).hasSize(1);
    assertThat(inspect.getNetworkSettings().getNetworks()).containsOnlyKeys(fixture.network);
    assertThat(inspect.getConfig().getWorkingDir()).isEqualTo("/workspace");
    assertThat(inspect.getConfig().getHostName()).isEqualTo("sandbox");
    assertThat(inspect.getConfig().getEnv()).noneMatch(each -> each.startsWith("ZCBOT_"));
    String mode = "ZCBOT_FIREWALL=" + firewall.name().toLowerCase(Locale.ROOT);
    if (rootInside) {
      assertThat(inspect.getConfig().getCmd())
          .containsExactly(
              mode,
              "ZCBOT_EGRESS=public",
              "ZCBOT_DNS=on",
              "ZCBOT_PG_IPS=203.0.113.7,198.51.100.0/24",
              "ZCBOT_SMTP=off",
              "ZCBOT_FLOWS=4096",
              "ZCBOT_FLOW_RATE=100",
              "ZCBOT_BANDWIDTH=52428800");
    } else {
      assertThat(inspect.getConfig().getCmd()).containsExactly(mode, "ZCBOT_SEAL=on");
    }
  }
}
