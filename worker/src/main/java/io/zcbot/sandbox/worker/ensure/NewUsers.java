/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.sandbox.Time;
import java.time.Duration;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Limits the rate at which unknown users get sandboxes, so that a flood of invented user ids
 * neither keeps the engine busy nor evicts all other users. A token bucket: a minute's worth at
 * once, then at the rate. Users served within the idle TTL are not new and never wait.
 *
 * <p>Tokens rather than fixed windows, whose ends let through twice the rate.
 */
final class NewUsers {
  /** Beyond it the longest unseen are forgotten, and count as new when they come again. */
  private static final int MAX_REMEMBERED = 100_000;

  private final int perMinute;
  private final long memory;
  private final Time time;
  // by last use, the longest ago first
  private final Map<UserId, Seen> seen = new LinkedHashMap<>(16, 0.75f, true);
  private double tokens;
  private long filledAt;

  private record Seen(long at, boolean served) {}

  NewUsers(int perMinute, Duration memory, Time time) {
    this.perMinute = perMinute;
    this.memory = memory.toNanos();
    this.time = time;
    this.tokens = perMinute;
    this.filledAt = time.nanos();
  }

  /** What one who was not admitted is told. */
  String refusal() {
    return "more than "
        + perMinute
        + " new users per minute requested sandboxes from this host; try again in a minute, or"
        + " raise ZCBOT_NEW_USERS_PER_MINUTE";
  }

  /** Whether a sandbox may be made for the user now. One who was let in is not new any more. */
  synchronized boolean admit(UserId user) {
    long now = time.nanos();
    forget(now);
    Seen before = seen.get(user);
    if (before == null) {
      double minutes = (now - filledAt) / (double) Duration.ofMinutes(1).toNanos();
      tokens = Math.min(perMinute, tokens + minutes * perMinute);
      filledAt = now;
      if (tokens < 1) {
        return false;
      }
      tokens--;
    }
    seen.put(user, new Seen(now, before != null && before.served()));
    return true;
  }

  /** The user was served, here or by another worker. */
  synchronized void served(UserId user) {
    long now = time.nanos();
    seen.put(user, new Seen(now, true));
    forget(now);
  }

  /** Whether the user was served within the idle TTL, not only let in. */
  synchronized boolean wasServed(UserId user) {
    Seen before = seen.get(user);
    return before != null && before.served();
  }

  private void forget(long now) {
    Iterator<Seen> oldest = seen.values().iterator();
    while (oldest.hasNext()
        && (now - oldest.next().at() > memory || seen.size() > MAX_REMEMBERED)) {
      oldest.remove();
    }
  }
}
