/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.startup;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** The file lock that binds a worker's id to one process of a host. */
public final class WorkerLock {
  private WorkerLock() {}

  /** Where it is, below the workspace root. */
  public static Path path(Path workspaceRoot, String workerId) {
    return workspaceRoot.resolve(".workers").resolve(workerId + ".lock");
  }

  /** Whether a process holds it. A file that is missing, or can't be opened, tells of none. */
  public static boolean isHeld(Path lock) {
    try (FileChannel file = FileChannel.open(lock, StandardOpenOption.WRITE);
        FileLock free = file.tryLock()) {
      return free == null;
    } catch (OverlappingFileLockException _) {
      return true; // held in this very process
    } catch (IOException _) {
      return false;
    }
  }
}
