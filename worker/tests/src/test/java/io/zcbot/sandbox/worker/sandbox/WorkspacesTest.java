/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WorkspacesTest {
  @TempDir private Path directory;

  /** Root may write everywhere, but not make a directory below a file. */
  @Test
  void aRootThatCanNotBeMadeSaysWhy() throws Exception {
    Path file = Files.createFile(directory.resolve("file"));
    assertThatThrownBy(() -> Workspaces.open(file.resolve("workspaces")))
        .isInstanceOf(IOException.class)
        .hasMessage(
            "could not open the workspace root "
                + file.resolve("workspaces")
                + ": Not a directory");
    assertThatThrownBy(() -> Workspaces.open(file))
        .hasMessage("could not open the workspace root %s: %s is not a directory", file, file);
  }

  @Test
  void anErrorSaysMoreThanAPath() {
    String path = "/var/lib/zcbot";
    assertThat(Workspaces.unusable("make it", new AccessDeniedException(path)))
        .hasMessageStartingWith("could not make it: permission denied; run the worker as root, or")
        .hasMessageContaining("ZCBOT_WORKSPACE_ROOT");
    assertThat(Workspaces.unusable("make it", new FileSystemException(path, null, "No space")))
        .as("another user has no more space")
        .hasMessage("could not make it: No space");
  }
}
