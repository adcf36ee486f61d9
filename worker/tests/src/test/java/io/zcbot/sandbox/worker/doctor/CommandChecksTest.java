/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.config.CommandsConfig.Mode;
import io.zcbot.sandbox.worker.docker.host.SandboxGround;
import io.zcbot.sandbox.worker.spec.Dns;
import io.zcbot.sandbox.worker.spec.Egress;
import io.zcbot.sandbox.worker.spec.FirewallMode;
import io.zcbot.sandbox.worker.spec.NetworkPolicy;
import io.zcbot.sandbox.worker.spec.ResourceLimits;
import io.zcbot.sandbox.worker.spec.SandboxSpec;
import java.util.List;
import org.junit.jupiter.api.Test;

class CommandChecksTest {
  private static Finding finding(Mode mode, boolean hasRunner, FirewallMode firewall) {
    return CommandChecks.of(
        mode,
        new SandboxGround(
            new SandboxGround.Image(
                "sha256:1", true, hasRunner, false, List.of("a", "b"), List.of(), List.of()),
            null,
            null),
        spec(firewall));
  }

  private static SandboxSpec spec(FirewallMode firewall) {
    return new SandboxSpec(
        "image",
        null,
        new ResourceLimits(1 << 30, 1.0, 256, 1 << 20, null, null),
        "network",
        new NetworkPolicy(firewall, new Egress.Public(), new Dns.EngineDefault(), List.of()));
  }

  @Test
  void anImageWithoutARunnerIsWarnedOf() {
    for (Mode mode : List.of(Mode.RUNNER, Mode.ENGINE)) {
      Finding finding = finding(mode, false, FirewallMode.HOST);
      assertThat(finding.level()).isEqualTo(Finding.Level.WARN);
      assertThat(finding.fix()).contains("sandbox-image");
    }
    assertThat(finding(Mode.OFF, false, FirewallMode.HOST).level()).isEqualTo(Finding.Level.OK);
  }

  @Test
  void aFirewallModeInWhichTheEngineStartsTheRunnerIsWarnedOfUnlessThatIsAskedFor() {
    for (FirewallMode firewall : List.of(FirewallMode.CONTAINER, FirewallMode.BOTH)) {
      assertThat(finding(Mode.RUNNER, true, firewall).fix()).contains("ZCBOT_SANDBOX_FIREWALL");
      assertThat(finding(Mode.ENGINE, true, firewall).level()).isEqualTo(Finding.Level.OK);
    }
    assertThat(finding(Mode.RUNNER, true, FirewallMode.HOST).level()).isEqualTo(Finding.Level.OK);
  }

  /** Which is said by the check of the image. */
  @Test
  void anImageThatIsMissingIsNoFaultOfCommands() {
    SandboxGround none = new SandboxGround(null, null, null);
    assertThat(CommandChecks.of(Mode.RUNNER, none, spec(FirewallMode.HOST)).level())
        .isEqualTo(Finding.Level.OK);
  }
}
