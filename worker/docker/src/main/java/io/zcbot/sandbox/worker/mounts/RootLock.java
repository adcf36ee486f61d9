/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.mounts;

import io.zcbot.sandbox.worker.base.FileCalls;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.concurrent.locks.ReentrantLock;

/**
 * An exclusive lock among workers of one host that share a workspace root. Held during a few system
 * calls, to inspect something in the root and then change it.
 */
final class RootLock implements AutoCloseable {
  /**
   * Serializes the threads of this process: a file lock is held by the process, and acquiring it
   * again from another thread throws instead of waiting.
   */
  private static final ReentrantLock OWN = new ReentrantLock();

  private final FileChannel file;

  private RootLock(FileChannel file) {
    this.file = file;
  }

  /**
   * Acquires the lock; blocks until it is interrupted while another thread or process holds it. A
   * caller with a deadline does that ({@link FileCalls}).
   */
  static RootLock take(Path root) throws IOException {
    Path directory = directory(root);
    try {
      OWN.lockInterruptibly();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("interrupted while another thread had the lock of " + root, e);
    }
    try {
      FileChannel file =
          FileChannel.open(
              directory.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
      try {
        FileLock _ = file.lock(); // ends with the channel
        return new RootLock(file);
      } catch (IOException | RuntimeException e) {
        file.close();
        throw e;
      }
    } catch (IOException | RuntimeException e) {
      OWN.unlock();
      throw e;
    }
  }

  /** Returns the directory of what workers lock, and creates it if it is missing. */
  static Path directory(Path root) throws IOException {
    return Files.createDirectories(
        WorkspaceMount.slots(root),
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
  }

  @Override
  public void close() throws IOException {
    try {
      file.close();
    } finally {
      OWN.unlock();
    }
  }
}
