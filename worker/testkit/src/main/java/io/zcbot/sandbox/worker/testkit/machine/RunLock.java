/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.testkit.machine;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Keeps two runs of tests from using the same names on one machine, since each clears away what it
 * finds under them. It ends with the process, if not before.
 */
public final class RunLock implements AutoCloseable {
  private final FileChannel file;

  private RunLock(FileChannel file) {
    this.file = file;
  }

  /**
   * Takes it.
   *
   * @throws IOException if another process holds it
   */
  public static RunLock take(Path path) throws IOException {
    Files.createDirectories(path.getParent());
    FileChannel file = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    if (file.tryLock() == null) {
      file.close();
      throw new IOException("another run of these tests holds " + path + "; wait for its end");
    }
    return new RunLock(file);
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
