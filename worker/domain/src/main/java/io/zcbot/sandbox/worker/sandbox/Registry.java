/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.sandbox;

import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import java.time.Duration;
import java.util.Collection;
import java.util.Collections;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The running sandboxes of this worker, by user. An entry is added and removed only in its user's
 * lane, or before lanes run; any thread may read.
 */
public final class Registry {
  private final ConcurrentHashMap<UserId, Sandbox> sandboxes = new ConcurrentHashMap<>();

  public void add(Sandbox sandbox) {
    Sandbox before = sandboxes.put(sandbox.user(), sandbox);
    if (before != null) {
      throw new IllegalStateException("two sandboxes for user " + sandbox.user());
    }
  }

  /** Removes a sandbox and closes its place; does nothing if it was removed before. */
  public void remove(Sandbox sandbox) {
    if (sandboxes.remove(sandbox.user(), sandbox)) {
      sandbox.releaseReservation();
    }
  }

  public @Nullable Sandbox get(UserId user) {
    return sandboxes.get(user);
  }

  public Collection<Sandbox> all() {
    return Collections.unmodifiableCollection(sandboxes.values());
  }

  /** The partitions whose users have a sandbox here. */
  public Set<Integer> partitions() {
    return sandboxes.values().stream().map(Sandbox::partition).collect(Collectors.toSet());
  }

  /** The number of sandboxes. */
  public int size() {
    return sandboxes.size();
  }

  /** The longest idle TTL of these sandboxes, but at least the given one. */
  public Duration longestIdleTtl(Duration longest) {
    Duration found = longest;
    for (Sandbox sandbox : sandboxes.values()) {
      Duration own = sandbox.idleTtl();
      found = own.compareTo(found) > 0 ? own : found;
    }
    return found;
  }

  /** Notes a use of a user's sandbox; without effect if this worker runs none. */
  public void touch(UserId user, long at, Reaped.Use use) {
    Sandbox sandbox = sandboxes.get(user);
    if (sandbox != null) {
      sandbox.touch(at, use);
    }
  }
}
