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
  public final Duration interval;

  /** Null for never. */
  public final @Nullable Duration maxLifetime;

  public final Duration evictAfter;

  ReaperConfig(SettingsReader in) {
    idleTtl =
        in.get(
            "ZCBOT_SANDBOX_IDLE_TTL",
            "300",
            Kind.duration("1s", "30d"),
            "How long a sandbox may be unused before it is reaped.");
    interval =
        in.get(
            "ZCBOT_REAPER_INTERVAL",
            Collections.min(List.of(Duration.ofSeconds(10), idleTtl)),
            "10s, at most the idle TTL",
            Kind.duration("100ms", "1h")
                .where(
                    interval -> interval.compareTo(idleTtl) <= 0,
                    "must not be longer than ZCBOT_SANDBOX_IDLE_TTL, which is "
                        + Durations.shown(idleTtl)),
            "How often the worker looks for idle sandboxes; at most the idle TTL.");
    Optional<Duration> lifetime =
        in.get(
            "ZCBOT_SANDBOX_MAX_LIFETIME",
            "off",
            Kind.orOff(Kind.duration("1s", "365d")),
            "Age at which a sandbox is reaped even if it is in use.");
    maxLifetime = lifetime.orElse(null);
    evictAfter =
        in.get(
            "ZCBOT_SANDBOX_EVICT_AFTER",
            "60s",
            Kind.duration("0s", "30d"),
            "How long a sandbox must have been idle before it may be evicted for another user.");
  }
}
