/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.spec;

/**
 * The most that a user's workspace may hold.
 *
 * @param files including directories and links
 */
public record WorkspaceLimit(long bytes, long files) {
  private static final long MIB = 1024 * 1024;
  private static final long BYTES_OF_A_FILE = 16 * 1024;
  private static final long FEWEST_FILES = 1000;

  /**
   * Creates a limit in whole MiB, because file systems count in blocks.
   *
   * @param files 0 for as many as ext4 has for this space, so that neither runs out first
   */
  public static WorkspaceLimit of(long bytes, long files) {
    return new WorkspaceLimit(
        bytes / MIB * MIB, files > 0 ? files : Math.max(FEWEST_FILES, bytes / BYTES_OF_A_FILE));
  }

  @Override
  public String toString() {
    return bytes / MIB + " MiB and " + files + " files";
  }
}
