/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import java.time.Duration;

/** Settings for ensures, rebalances and restarts. */
public final class GroupConfig {
  /**
   * The most ensures of one partition in flight; at this number it is not read. Of all partitions
   * together, at most 16 MiB are in flight, about 4000 ensures.
   */
  public static final int MAX_OPEN_RECORDS = 1000;

  public final Duration ensureExpiry;
  public final Duration revokeTimeout;
  public final Restart restart;
  public final Handover handover;

  /** What happens to a worker's sandboxes in a restart. */
  public enum Restart {
    /** A stop reaps them, a start removes what is left. */
    PURGE,
    /** They keep running, and the restarted worker takes them over. */
    ADOPT
  }

  /** When users whose sandboxes were lost with another host get new ones. */
  public enum Handover {
    /** At their next ensure. */
    LAZY,
    /** At once. */
    EAGER
  }

  GroupConfig(SettingsReader in) {
    ensureExpiry =
        in.get(
            "ZCBOT_ENSURE_EXPIRY",
            "60s",
            Kind.duration("1s", "1d"),
            "Age at which an ensure or an exec without expires_at expires.");
    revokeTimeout =
        in.get(
            "ZCBOT_REVOKE_TIMEOUT",
            "10s",
            Kind.duration("100ms", "50s"),
            "How long a rebalance waits for running work of partitions that are assigned to"
                + " another worker.");
    restart =
        in.get(
            "ZCBOT_RESTART",
            "purge",
            Kind.oneOf(Restart.values()),
            "What happens to this worker's sandboxes in a restart. purge: a stop reaps them and"
                + " leaves the group, and a start removes the rest. adopt: they keep running, and"
                + " the restarted worker takes them over.");
    handover =
        in.get(
            "ZCBOT_SANDBOX_HANDOVER",
            "lazy",
            Kind.oneOf(Handover.values()),
            "When a user whose sandbox was lost with its host gets a new one. lazy: at the next"
                + " ensure. eager: at once.");
  }
}
