/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.spec;

/**
 * The users, and the groups of the same numbers, that sandboxes run as, as they are numbered in a
 * container. The kernel counts much for each user: each sandbox has one of its own, or all share
 * one.
 *
 * @param last the last one, itself included
 */
public record SandboxUids(int first, int last) {
  /** All are the same user. */
  public static final SandboxUids SHARED = new SandboxUids(1000, 1000);

  public SandboxUids {
    if (first < 1 || last < first) {
      throw new IllegalArgumentException("no range of users: " + first + "-" + last);
    }
  }

  public boolean isShared() {
    return equals(SHARED);
  }

  public int size() {
    return last - first + 1;
  }

  public boolean contains(int uid) {
    return first <= uid && uid <= last;
  }

  /** As a setting has it. */
  @Override
  public String toString() {
    return isShared() ? "shared" : first + "-" + last;
  }
}
