/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.security;

import static org.assertj.core.api.Assertions.assertThat;

import com.github.dockerjava.api.model.Capability;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Who a command is, and what it can become. */
@Tag("engine")
@Tag("network-namespaces")
@Tag("gvisor")
class PrivilegesIT extends Attacks {
  private static final String CAPABILITIES = "grep -E '^Cap(Inh|Prm|Eff|Amb)' /proc/self/status";

  @Row(1)
  @Test
  void aCommandHasNoCapability() throws Exception {
    assertThat(said(lab.sandbox.id(), CAPABILITIES).lines())
        .hasSize(profile.ownKernel() ? 3 : 4) // gVisor has no ambient ones
        .allMatch(line -> line.endsWith("\t0000000000000000"));

    String control = lab.without(host -> host.withCapDrop());
    assertThat(lab.fixture.run(control, "0:0", "bash", "-c", CAPABILITIES).output().lines())
        .anyMatch(line -> line.startsWith("CapEff") && !line.endsWith("\t0000000000000000"));
  }

  @Row(2)
  @Test
  void nothingIsLeftToGet() throws Exception {
    applies(2);
    String bounding = "grep '^CapBnd' /proc/self/status";
    assertThat(said(lab.sandbox.id(), bounding)).isEqualTo("CapBnd:\t0000000000000000");

    String control = lab.without(host -> host.withCapAdd(Capability.NET_ADMIN));
    assertThat(said(control, bounding)).isNotEqualTo("CapBnd:\t0000000000000000");
  }

  @Row(3)
  @Test
  void aCommandWithoutAUserIsNotRoot() throws Exception {
    applies(3);
    assertThat(lab.fixture.run(lab.sandbox.id(), null, "id", "-u").output()).isEqualTo("1000");

    String control = lab.control(command -> command.withUser("0:0"), lab.sandbox);
    assertThat(lab.fixture.run(control, null, "id", "-u").output()).isEqualTo("0");
  }

  @Row(4)
  @Test
  void theFirstProcessIsNotRoot() throws Exception {
    applies(4);
    String user = "grep ^Uid: /proc/1/status";
    assertThat(said(lab.sandbox.id(), user)).isEqualTo("Uid:\t1000\t1000\t1000\t1000");
    assertThat(
            lab.fixture
                .docker
                .inspectContainerCmd(lab.sandbox.id())
                .exec()
                .getConfig()
                .getHealthcheck())
        .as("a health check would run as the first process does")
        .isNull();

    String control = lab.control(command -> command.withUser("0:0"), lab.sandbox);
    assertThat(said(control, user)).isEqualTo("Uid:\t0\t0\t0\t0");
  }

  @Row(5)
  @Test
  void aSetuidProgramGainsNothing() throws Exception {
    assertThat(said(lab.sandbox.id(), "find / -xdev -perm /6000 -type f 2>/dev/null; true"))
        .as("the image has none to begin with")
        .isEmpty();
    String image =
        lab.image("RUN cp /usr/bin/id /usr/local/bin/suid && chmod 4755 /usr/local/bin/suid");
    var planted = lab.fresh(image);
    assertThat(said(planted.id(), "suid -u")).isEqualTo("1000");

    // of gVisor's kernel there are some that know no setuid bit: the host's shows what it would do
    String control =
        lab.control(
            command -> {
              lab.onHostsKernel(command.getHostConfig());
              command.getHostConfig().withSecurityOpts(List.of());
            },
            planted);
    assertThat(said(control, "suid -u")).isEqualTo("0");
  }
}
