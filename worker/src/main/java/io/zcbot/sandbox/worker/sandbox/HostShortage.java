/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import java.io.IOException;
import java.util.regex.Pattern;

/**
 * A failure that can tell whether the worker's host was out of something just then: disk space,
 * memory, processes or file descriptors. The same may work later.
 */
public interface HostShortage {
  /** What the JDK says of files, for which it has no types, and the engine of its own host. */
  Pattern NO_DISK =
      Pattern.compile("no space left on device|disk quota exceeded", Pattern.CASE_INSENSITIVE);

  /** What both say of files and of programs that do not start. */
  Pattern NO_MEMORY =
      Pattern.compile(
          "cannot allocate memory|too many open files|resource temporarily unavailable",
          Pattern.CASE_INSENSITIVE);

  /** What the JDK and the worker say where a file system does not answer, as one of a network. */
  Pattern AWAY =
      Pattern.compile(
          "input/output error|stale (nfs )?file handle|timed out|host is down"
              + "|transport endpoint is not connected",
          Pattern.CASE_INSENSITIVE);

  boolean isShortage();

  /** Whether a failure says nothing of the file, but that it can't be looked at just then. */
  static boolean mayPass(IOException failure) {
    if (isBehind(failure)) {
      return true;
    }
    for (Throwable t = failure; t != null; t = t.getCause()) {
      if (t instanceof IOException && AWAY.matcher(String.valueOf(t.getMessage())).find()) {
        return true;
      }
    }
    return false;
  }

  /** Whether a failure is one, or has one as its cause. */
  static boolean isBehind(IOException failure) {
    for (Throwable t = failure; t != null; t = t.getCause()) {
      boolean found =
          t instanceof HostShortage told
              ? told.isShortage()
              : t instanceof IOException && isSaid(String.valueOf(t.getMessage()));
      if (found) {
        return true;
      }
    }
    return false;
  }

  private static boolean isSaid(String message) {
    return NO_DISK.matcher(message).find() || NO_MEMORY.matcher(message).find();
  }
}
