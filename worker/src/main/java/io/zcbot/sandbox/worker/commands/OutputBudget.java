/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import java.util.ArrayDeque;
import org.jspecify.annotations.Nullable;

/**
 * The memory for output of all commands of the worker together, beyond a small window that each has
 * anyway. Who wants more than there is waits in a queue; the command's program waits with it, in
 * its write.
 */
final class OutputBudget {
  private final ArrayDeque<Claim> claims = new ArrayDeque<>();
  private int free;

  OutputBudget(int bytes) {
    this.free = bytes;
  }

  /** So many bytes that somebody waits for. */
  static final class Claim {
    private final int bytes;
    private final Runnable granted;

    Claim(int bytes, Runnable granted) {
      this.bytes = bytes;
      this.granted = granted;
    }
  }

  /** Takes up to so many bytes without waiting; none while others wait. */
  synchronized int tryTake(int bytes) {
    int taken = claims.isEmpty() ? Math.min(free, bytes) : 0;
    free -= taken;
    return taken;
  }

  /** Grants a claim now or later: by the thread that returns bytes then. */
  void await(Claim claim) {
    synchronized (this) {
      if (!claims.isEmpty() || claim.bytes > free) {
        claims.add(claim);
        return;
      }
      free -= claim.bytes;
    }
    claim.granted.run();
  }

  /** Forgets a claim; false if it was granted. */
  synchronized boolean withdraw(Claim claim) {
    return claims.remove(claim);
  }

  /** Whether somebody waits. */
  synchronized boolean isShort() {
    return !claims.isEmpty();
  }

  /** Returns bytes. The caller has no lock that somebody who waits needs. */
  void give(int bytes) {
    synchronized (this) {
      free += bytes;
    }
    grant();
  }

  private void grant() {
    for (Claim next = next(); next != null; next = next()) {
      next.granted.run();
    }
  }

  private synchronized @Nullable Claim next() {
    Claim first = claims.peek();
    if (first == null || first.bytes > free) {
      return null;
    }
    free -= first.bytes;
    return claims.poll();
  }
}
