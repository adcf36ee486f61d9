/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.whatif;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.demand.Arrivals;
import io.zcbot.sandbox.worker.demand.PoolModel;
import io.zcbot.sandbox.worker.demand.PoolSizing;
import java.time.Duration;
import java.util.Comparator;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One host with supposed settings: its sandboxes and its warm pool. */
final class SupposedHost {
  static final long NEVER = Long.MAX_VALUE;
  private static final long JUDGED_EVERY = Duration.ofMinutes(1).toMillis();

  private final Supposed settings;
  private final PoolSizing sizing;
  private final PoolModel pool;
  private final Arrivals arrivals = new Arrivals();
  private final Map<UserId, Running> running = new HashMap<>();
  private int target;
  private long makeMillis;
  private long judged;

  /** A sandbox. */
  static final class Running {
    final UserId user;
    long ttl;
    long lastUse;
    int commands;

    /** When the fleet will look at it next, at the latest when its TTL is over. */
    long watchedAt = NEVER;

    Running(UserId user, long ttl, long lastUse) {
      this.user = user;
      this.ttl = ttl;
      this.lastUse = lastUse;
    }

    /** When it is reaped unless it is used again. */
    long expiry() {
      return lastUse + ttl;
    }
  }

  /** What became of a user without a sandbox. */
  enum Answer {
    CLAIMED,
    CREATED,
    REFUSED
  }

  SupposedHost(Supposed settings, long makeMillis, long now) {
    this.settings = settings;
    this.sizing = new PoolSizing(settings.leastWarm(), settings.mostWarm());
    this.target = settings.leastWarm();
    this.makeMillis = makeMillis;
    this.judged = now;
    this.pool = new PoolModel(Math.min(target, settings.max()), makeMillis, now);
  }

  /** The pool goes on until then, of which slots take so long to make. */
  void advance(long to, long slotMillis) {
    makeMillis = slotMillis;
    if (settings.mostWarm() > settings.leastWarm()) {
      // Nobody came for longer than it remembers: nothing changes any more.
      judged = Math.max(judged, to - Arrivals.MEMORY.toMillis());
      for (; judged + JUDGED_EVERY <= to; judged += JUDGED_EVERY) {
        int wanted = sizing.wanted(arrivals, judged + JUDGED_EVERY, makeMillis);
        target = Math.max(wanted, target - 1);
        fit(judged + JUDGED_EVERY);
      }
    }
    pool.advance(to);
  }

  /** Slots take the places that sandboxes leave. */
  private void fit(long at) {
    int size = Math.min(target, settings.max() - running.size());
    if (size != pool.target()) {
      pool.resize(size, makeMillis, at);
    }
  }

  @Nullable Running running(UserId user) {
    return running.get(user);
  }

  /** A user who has no sandbox here needs one; {@link #running} has it then. */
  Answer make(UserId user, long ttl, long at) {
    Answer answer;
    if (pool.take(at)) {
      answer = Answer.CLAIMED;
    } else if (!isFull()) {
      answer = Answer.CREATED;
    } else {
      return Answer.REFUSED;
    }
    arrivals.add(at);
    running.put(user, new Running(user, ttl, at));
    fit(at);
    return answer;
  }

  boolean isFull() {
    return running.size() >= settings.max();
  }

  /** The sandbox that has been idle for longest gives its place up; null if none may. */
  @Nullable UserId evict(long at) {
    Running longest =
        running.values().stream()
            .filter(each -> each.commands == 0)
            .filter(each -> at - each.lastUse >= settings.evictAfter().toMillis())
            .min(Comparator.comparingLong(each -> each.lastUse))
            .orElse(null);
    if (longest == null) {
      return null;
    }
    running.remove(longest.user);
    return longest.user;
  }

  void remove(UserId user, long at) {
    running.remove(user);
    fit(at);
  }

  double slotMillis() {
    return pool.idleMillis();
  }
}
