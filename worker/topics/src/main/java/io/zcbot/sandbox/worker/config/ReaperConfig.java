/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import java.time.Duration;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Settings that decide when sandboxes are reaped. */
public final class ReaperConfig {
  public final Duration idleTtl;

  /** The shortest idle TTL that an ensure may ask for; at most the idle TTL. */
  public final Duration shortestIdleTtl;

  /** The longest idle TTL that an ensure may ask for; at least the idle TTL. */
  public final Duration longestIdleTtl;

  public final Duration interval;

  /** Null if sandboxes are not reaped for their age. */
  public final @Nullable Duration maxLifetime;

  public final Duration evictAfter;

  /** How long before its reap a sandbox's end is announced; null for no announcement. */
  public final @Nullable Duration notice;

  /**
   * Share of a core above which an unused sandbox counts as in use; null if CPU time does not
   * count.
   */
  public final @Nullable Double busyCpu;

  ReaperConfig(SettingsReader in) {
    idleTtl =
        in.get(
            "ZCBOT_SANDBOX_IDLE_TTL",
            "300",
            Kind.duration("1s", "30d"),
            "How long a sandbox may be unused before it is reaped.");
    shortestIdleTtl =
        in.get(
            "ZCBOT_SANDBOX_IDLE_TTL_MIN",
            Collections.min(List.of(Duration.ofSeconds(10), idleTtl)),
            "10s, at most the idle TTL",
            atMost(idleTtl, Kind.duration("1s", "30d")),
            "The shortest idle TTL that an ensure may ask for in idle_ttl_seconds.");
    longestIdleTtl =
        in.get(
            "ZCBOT_SANDBOX_IDLE_TTL_MAX",
            idleTtl,
            "the idle TTL",
            Kind.duration("1s", "30d")
                .where(
                    longest -> longest.compareTo(idleTtl) >= 0,
                    "must not be shorter than ZCBOT_SANDBOX_IDLE_TTL, which is "
                        + Durations.shown(idleTtl)),
            "The longest idle TTL that an ensure may ask for in idle_ttl_seconds. A worker that"
                + " starts or is assigned partitions reads as much of sandbox.activity.");
    interval =
        in.get(
            "ZCBOT_REAPER_INTERVAL",
            Collections.min(List.of(Duration.ofSeconds(10), idleTtl)),
            "10s, at most the idle TTL",
            atMost(idleTtl, Kind.duration("100ms", "1h")),
            "How often the worker looks for idle sandboxes; at most the idle TTL.");
    Optional<Duration> lifetime =
        in.get(
            "ZCBOT_SANDBOX_MAX_LIFETIME",
            "24h",
            Kind.orOff(Kind.duration("1s", "365d")),
            "Age at which a sandbox is reaped even if it is in use, or off. Without it, a command"
                + " that hangs, started with the engine's exec, keeps a sandbox for ever.");
    maxLifetime = lifetime.orElse(null);
    evictAfter =
        in.get(
            "ZCBOT_SANDBOX_EVICT_AFTER",
            "60s",
            Kind.duration("0s", "30d"),
            "How long a sandbox must have been idle before it may be evicted for another user.");
    Optional<Duration> noticeBefore =
        in.get(
            "ZCBOT_SANDBOX_NOTICE",
            "off",
            Kind.orOff(
                Kind.duration("1s", "30d")
                    .where(
                        before -> before.compareTo(interval) > 0,
                        "must be longer than ZCBOT_REAPER_INTERVAL, which is "
                            + Durations.shown(interval)
                            + ": the end is noticed that much later")
                    .where(
                        before -> before.compareTo(idleTtl) < 0,
                        "must be shorter than ZCBOT_SANDBOX_IDLE_TTL, which is "
                            + Durations.shown(idleTtl)
                            + ": otherwise every sandbox would be about to expire from the start")
                    .where(
                        before -> maxLifetime == null || before.compareTo(maxLifetime) < 0,
                        "must be shorter than ZCBOT_SANDBOX_MAX_LIFETIME, which is "
                            + lifetime.map(Durations::shown).orElse("off"))),
            "How long before a sandbox is reaped as idle, at its ends_at or at the end of its"
                + " lifetime sandbox.expiring announces it; at most one reaper interval later than that."
                + " Not for sandboxes whose own idle TTL is not longer.");
    notice = noticeBefore.orElse(null);
    Optional<Double> busy =
        in.get(
            "ZCBOT_SANDBOX_BUSY_CPU",
            "off",
            Kind.orOff(
                Kind.decimal("0.001", "1024")
                    .where(
                        _ -> maxLifetime != null,
                        "requires ZCBOT_SANDBOX_MAX_LIFETIME, or a sandbox whose processes never"
                            + " rest would be kept for ever: set that as well")),
            "Share of a core, e.g. 0.05. A sandbox whose processes take more of one while nobody"
                + " uses it counts as in use, until ZCBOT_SANDBOX_MAX_LIFETIME.");
    busyCpu = busy.orElse(null);
  }

  private static Kind<Duration> atMost(Duration idleTtl, Kind<Duration> kind) {
    return kind.where(
        duration -> duration.compareTo(idleTtl) <= 0,
        "must not be longer than ZCBOT_SANDBOX_IDLE_TTL, which is " + Durations.shown(idleTtl));
  }
}
