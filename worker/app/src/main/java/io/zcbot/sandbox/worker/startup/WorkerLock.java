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

  /** The path of the lock, below the workspace root. */
  public static Path path(Path workspaceRoot, String workerId) {
    return workspaceRoot.resolve(".workers").resolve(workerId + ".lock");
  }

  /** Whether a process holds the lock; false if the file is missing or can't be opened. */
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
