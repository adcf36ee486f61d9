/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class WorkspaceMountTest {
  private static final Path ROOT = Path.of("/w");

  @Test
  void aCallThatIsNotThereMayBeForbiddenByAFilter() {
    assertThat(WorkspaceMount.explained(new KernelException("openat2", "/w", Errno.ENOSYS)))
        .contains("Linux 5.12", "openat2 of /w", "seccomp", "RestrictSUIDSGID");
  }

  @Test
  void whatMayPassIsNotWhatARootIsLike() {
    for (IOException failure :
        List.of(
            new KernelException("move_mount", "/w", Errno.ENOSPC),
            new FileSystemException("/w/.slots/.mounted", null, "No space left on device"),
            new IOException("Stale file handle"))) {
      assertThatThrownBy(() -> WorkspaceMount.unmountable(ROOT, failure)).isSameAs(failure);
    }
  }

  @Test
  void whatIsRefusedForGoodIsTheRootsProblem() throws Exception {
    WorkspaceMount mount =
        WorkspaceMount.unmountable(ROOT, new KernelException("open_tree", "/w", Errno.EPERM));

    assertThat(mount.problem()).contains("CAP_SYS_ADMIN");
    assertThatThrownBy(mount::top).isInstanceOf(IOException.class).hasMessageContaining("/w");
    mount.close();
  }
}
