/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.ensure;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.base.Time;
import java.time.Duration;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Limits the rate at which unknown users get sandboxes, so that a flood of invented user ids
 * neither keeps the engine busy nor evicts all other users. Users who were served within the idle
 * TTL are not new and are always admitted. Thread-safe.
 *
 * <p>It is a token bucket, which admits a minute's worth at once and then the rate. Fixed windows
 * would admit twice the rate around their ends.
 */
final class NewUsers {
  /** Beyond this number, the users unseen for longest are forgotten and count as new again. */
  private static final int MAX_REMEMBERED = 100_000;

  private final int perMinute;
  private final long memory;
  private final Time time;
  // in the order of last use, the least recent first
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

  /** The message for a user who was not admitted. */
  String refusal() {
    return "more than "
        + perMinute
        + " new users per minute requested sandboxes from this host; try again in a minute, or"
        + " raise ZCBOT_NEW_USERS_PER_MINUTE";
  }

  /** Whether a sandbox may be made for the user now. An admitted user is not new any more. */
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

  /** Notes that the user was served, here or by another worker. */
  synchronized void served(UserId user) {
    long now = time.nanos();
    seen.put(user, new Seen(now, true));
    forget(now);
  }

  /** Whether the user was served within the idle TTL, and not merely admitted. */
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
