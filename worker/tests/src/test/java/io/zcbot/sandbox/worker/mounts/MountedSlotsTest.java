/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.zcbot.sandbox.worker.mounts.Kernel.Descriptor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MountedSlotsTest {
  @TempDir private Path directory;

  /** Its number may be another slot's by then, and the mount would show one user's files there. */
  @Test
  void aDirectoryIsOpenWhileAMountIsUnderWayAndNotUsedOnceItIsClosed() throws Exception {
    Descriptor descriptor = Kernel.openDirectory(directory);
    MountedSlots.Target target = new MountedSlots.Target(descriptor);

    target.use();
    target.leave(); // as its owner does, who has given the mount up
    assertThat(isOpen(descriptor)).isTrue();
    target.leave(); // as the mount does
    assertThat(isOpen(descriptor)).isFalse();

    assertThatThrownBy(target::use).isInstanceOf(IOException.class);
  }

  /** Another file may have the number meanwhile. */
  private boolean isOpen(Descriptor descriptor) {
    Path link = Path.of("/proc/self/fd", String.valueOf(descriptor.number()));
    try {
      return Files.readSymbolicLink(link).equals(directory.toRealPath());
    } catch (IOException _) {
      return false;
    }
  }
}
