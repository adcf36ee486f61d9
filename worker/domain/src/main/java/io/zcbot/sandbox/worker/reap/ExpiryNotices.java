/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.reap;

import io.zcbot.sandbox.events.Expiring;
import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.engine.EngineException;
import io.zcbot.sandbox.worker.sandbox.Announcer;
import io.zcbot.sandbox.worker.sandbox.Sandbox;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.WeakHashMap;
import org.jspecify.annotations.Nullable;

/** Announces the ends of sandboxes some time in advance, once for each approach to an end. */
final class ExpiryNotices {
  private final Announcer announcer;
  private final HiddenUse hiddenUse;
  private final Idleness idleness;
  private final Reaper.Limits limits;
  private final Time time;

  /** By sandbox, the last use after which its idle end was announced. */
  private final Map<Sandbox, Long> idle = Collections.synchronizedMap(new WeakHashMap<>());

  private final Set<Sandbox> lifetime =
      Collections.synchronizedSet(Collections.newSetFromMap(new WeakHashMap<>()));

  /** By sandbox, the end set by an ensure that was announced. */
  private final Map<Sandbox, Instant> ends = Collections.synchronizedMap(new WeakHashMap<>());

  ExpiryNotices(
      Announcer announcer,
      HiddenUse hiddenUse,
      Idleness idleness,
      Reaper.Limits limits,
      Time time) {
    this.announcer = announcer;
    this.hiddenUse = hiddenUse;
    this.idleness = idleness;
    this.limits = limits;
    this.time = time;
  }

  /** Why a sandbox will end soon; null if it will not, or no announcement is due. Never blocks. */
  Expiring.@Nullable Reason due(Sandbox sandbox) {
    Duration notice = limits.notice();
    if (notice == null || !idleness.isFollowed(sandbox)) {
      return null; // the worker that owns the user may know of later use
    }
    Duration maxLifetime = sandbox.profile().maxLifetime();
    if (maxLifetime != null
        && lifetimeEnd(sandbox, maxLifetime) - time.nanos() <= notice.toNanos()
        && !lifetime.contains(sandbox)) {
      return Expiring.Reason.LIFETIME;
    }
    Instant end = sandbox.terms().endsAt();
    if (end != null && !time.now().plus(notice).isBefore(end) && !end.equals(ends.get(sandbox))) {
      return Expiring.Reason.ENDS_AT;
    }
    // A TTL shorter than the notice leaves no time for one.
    Duration before = sandbox.idleTtl().minus(notice);
    return before.isPositive()
            && idleness.isIdleFor(sandbox, before)
            && !Objects.equals(idle.get(sandbox), sandbox.lastActive())
        ? Expiring.Reason.IDLE
        : null;
  }

  /**
   * Announces the end that is due, unless the sandbox turns out to be in use. Runs in the user's
   * lane.
   */
  void give(Sandbox sandbox) throws EngineException, InterruptedException {
    Expiring.Reason reason = due(sandbox);
    switch (reason) {
      case null -> {}
      case LIFETIME -> {
        Duration most = Objects.requireNonNull(sandbox.profile().maxLifetime());
        announcer.expiring(sandbox, reason, lifetimeEnd(sandbox, most));
        lifetime.add(sandbox);
      }
      case ENDS_AT -> {
        Instant end = Objects.requireNonNull(sandbox.terms().endsAt());
        announcer.expiring(sandbox, reason, end);
        ends.put(sandbox, end);
      }
      case IDLE -> {
        if (hiddenUse.ask(sandbox) == HiddenUse.Answer.UNUSED) {
          long lastActive = sandbox.lastActive();
          announcer.expiring(sandbox, reason, lastActive + sandbox.idleTtl().toNanos());
          idle.put(sandbox, lastActive);
        }
      }
      case UNKNOWN -> throw new IllegalStateException("only readers meet unknown reasons");
    }
  }

  private static long lifetimeEnd(Sandbox sandbox, Duration maxLifetime) {
    return sandbox.startedAt() + maxLifetime.toNanos();
  }
}
