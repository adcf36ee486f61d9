/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class WorkspaceMountTest {
  @Test
  void aCallThatIsNotThereMayBeForbiddenByAFilter() {
    assertThat(WorkspaceMount.explained(new KernelException("openat2", "/w", Errno.ENOSYS)))
        .contains("Linux 5.12", "openat2 of /w", "seccomp", "RestrictSUIDSGID");
  }
}
