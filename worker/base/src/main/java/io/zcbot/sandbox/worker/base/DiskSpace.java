/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.base;

import java.io.IOException;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * The space of a file system, of which only what unprivileged users may take counts as free.
 *
 * @param inodes how many files it can hold; 0 if that is not fixed
 */
public record DiskSpace(long bytes, long freeBytes, long inodes, long freeInodes) {
  /** What a new workspace has to have room for: its user's first files, not only the directory. */
  private static final long NEEDED_BYTES = 64L << 20;

  private static final long NEEDED_INODES = 1000;

  /** What an operator can do about a full file system. */
  public static final String ADVICE = "make room on it, or limit workspaces (ZCBOT_WORKSPACE_SIZE)";

  private static final DiskSpace PLENTY = new DiskSpace(Long.MAX_VALUE, Long.MAX_VALUE, 0, 0);

  /** Measures a file system. */
  @FunctionalInterface
  public interface Measure {
    /** Finds plenty of space, whatever there is. */
    Measure NONE = _ -> PLENTY;

    DiskSpace of(Path path) throws IOException;
  }

  /** There is no room for a new workspace. The message is for an operator. */
  public static final class NoSpaceException extends IOException {
    private static final long serialVersionUID = 1L;

    public NoSpaceException(String message) {
      super(message);
    }
  }

  /**
   * Why there is no room for a new workspace; null while there is.
   *
   * @param root of the workspaces
   */
  public @Nullable String problem(Path root) {
    String left;
    if (freeBytes < NEEDED_BYTES) {
      left = "has " + (freeBytes >> 20) + " MiB left, and " + (NEEDED_BYTES >> 20) + " MiB are";
    } else if (inodes > 0 && freeInodes < NEEDED_INODES) {
      left = "has room for " + freeInodes + " more files (inodes), and " + NEEDED_INODES + " are";
    } else {
      return null;
    }
    return "the file system of " + root + " " + left + " needed for a new workspace";
  }
}
