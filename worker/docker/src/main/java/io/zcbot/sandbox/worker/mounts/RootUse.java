/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import io.zcbot.sandbox.worker.mounts.Kernel.Descriptor;
import io.zcbot.sandbox.worker.pool.SlotMounts;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * A lock on a workspace root, shared by all workers of this host that use its mount, or exclusive
 * while the last one unmounts it. The kernel refuses to unmount what is in use, but it does not
 * count uses in other mount namespaces. A worker in a container would go on with a copy of the
 * mount, and what it mounts there would not reach the host any more.
 */
final class RootUse implements Closeable {
  /** The number of the system call, which differs between architectures. */
  private static final long FLOCK = System.getProperty("os.arch").equals("aarch64") ? 32 : 73;

  private static final int SHARED = 1;
  private static final int EXCLUSIVE = 2;
  private static final int AT_ONCE = 4;
  private static final int UNLOCKED = 8;

  private final Descriptor directory;

  private RootUse(Descriptor directory) {
    this.directory = directory;
  }

  /** Waits while another worker unmounts the root, for a second at most. */
  static RootUse begin(Path root) throws IOException {
    Path _ = RootLock.directory(root);
    RootUse use = open(root);
    try {
      use.lock(SHARED);
      return use;
    } catch (IOException | RuntimeException e) {
      use.close();
      throw e;
    }
  }

  /** Keeps other workers from using the root until it is closed; null if one uses it. */
  static @Nullable RootUse ifNobodyElse(Path root) throws IOException {
    RootUse use = open(root);
    try {
      use.lock(EXCLUSIVE | AT_ONCE);
      return use;
    } catch (KernelException e) {
      use.close();
      if (e.errno().equals(Errno.EAGAIN)) {
        return null;
      }
      throw e;
    }
  }

  /**
   * Opens the directory by a mount that is not attached anywhere, because an open file keeps its
   * mount in use. The lock belongs to the directory, by whichever mount it was opened.
   */
  private static RootUse open(Path root) throws KernelException {
    try (Descriptor seen = Kernel.openDirectory(root);
        Descriptor detached = Kernel.cloneMount(seen)) {
      return new RootUse(Kernel.readBeneath(detached, SlotMounts.TOP));
    }
  }

  private void lock(int how) throws KernelException {
    long _ = Kernel.call(FLOCK, "flock", directory.about(), directory.number(), how, 0, 0, 0);
  }

  @Override
  public void close() {
    try {
      // A process that this one has just started holds the lock as well until it executes its
      // program.
      lock(UNLOCKED);
    } catch (KernelException _) {
      // then it ends with its last descriptor
    } finally {
      directory.close();
    }
  }
}
