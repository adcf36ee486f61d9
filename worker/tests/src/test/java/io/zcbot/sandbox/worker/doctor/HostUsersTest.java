/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.doctor;

import static org.assertj.core.api.Assertions.assertThat;

import io.zcbot.sandbox.worker.spec.SandboxUids;
import java.util.List;
import org.junit.jupiter.api.Test;

class HostUsersTest {
  private static final SandboxUids RANGE = new SandboxUids(70_000, 74_095);

  @Test
  void aUserInTheRangeIsNamed() {
    assertThat(HostUsers.within(RANGE, "passwd", List.of("root:x:0:0::/root:/bin/sh"))).isNull();
    assertThat(HostUsers.within(RANGE, "passwd", List.of("anna:x:69999:1::/:", "b:x:74096:1::/:")))
        .isNull();
    assertThat(HostUsers.within(RANGE, "passwd", List.of("", "anna:x:74095:1000::/home/anna:")))
        .isEqualTo("/etc/passwd gives 74095 to anna");
  }

  @Test
  void aRangeThatOverlapsIsNamed() {
    assertThat(HostUsers.within(RANGE, "subuid", List.of("anna:100000:65536", "b:1000:69000")))
        .isNull();
    assertThat(HostUsers.within(RANGE, "subuid", List.of("anna:10000:65536")))
        .isEqualTo("/etc/subuid gives 10000 and on to anna");
  }

  @Test
  void whatIsNoUserIsLeftOut() {
    assertThat(HostUsers.within(RANGE, "group", List.of("# a comment", "x:y:z", "+::::"))).isNull();
  }
}
