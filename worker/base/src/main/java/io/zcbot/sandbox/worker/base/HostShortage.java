/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.base;

import java.io.IOException;
import java.util.regex.Pattern;

/**
 * A failure that tells whether the worker's host was out of disk space, memory, processes or file
 * descriptors. The same may work later.
 */
public interface HostShortage {
  /** The text by which the JDK, which has no types for it, and the engine report a full disk. */
  Pattern NO_DISK =
      Pattern.compile("no space left on device|disk quota exceeded", Pattern.CASE_INSENSITIVE);

  /** The text by which both report exhausted memory, processes or file descriptors. */
  Pattern NO_MEMORY =
      Pattern.compile(
          "cannot allocate memory|too many open files|resource temporarily unavailable",
          Pattern.CASE_INSENSITIVE);

  /**
   * The text by which the JDK and the worker report a file system, for example of a network, that
   * does not answer.
   */
  Pattern AWAY =
      Pattern.compile(
          "input/output error|stale (nfs )?file handle|timed out|host is down"
              + "|transport endpoint is not connected",
          Pattern.CASE_INSENSITIVE);

  boolean isShortage();

  /** Whether a failure may pass: it says only that the file can't be accessed at the moment. */
  static boolean mayPass(IOException failure) {
    if (isBehind(failure)) {
      return true;
    }
    for (Throwable t = failure; t != null; t = t.getCause()) {
      boolean isAway =
          t instanceof IOException && AWAY.matcher(String.valueOf(t.getMessage())).find();
      if (isAway || t instanceof FileCalls.UnansweredException) {
        return true;
      }
    }
    return false;
  }

  /** Whether a failure is, or was caused by, a shortage of the host. */
  static boolean isBehind(IOException failure) {
    for (Throwable t = failure; t != null; t = t.getCause()) {
      boolean found =
          t instanceof HostShortage shortage
              ? shortage.isShortage()
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
