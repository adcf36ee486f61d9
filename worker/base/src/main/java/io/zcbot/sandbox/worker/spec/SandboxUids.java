/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.spec;

/**
 * The users, and the groups with the same numbers, that sandboxes run as, as numbered in a
 * container. The kernel limits many resources by user, so each sandbox has its own user; or all
 * share one.
 *
 * @param last the last number, inclusive
 */
public record SandboxUids(int first, int last) {
  /** All sandboxes run as the same user. */
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

  /** The value of the setting. */
  @Override
  public String toString() {
    return isShared() ? "shared" : first + "-" + last;
  }
}
