/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How long things live.
 *
 * @param idleTtl a sandbox unused for so long is reaped
 * @param reaperInterval between two looks for idle sandboxes
 * @param reconcileInterval between two comparisons with the engine's listing
 * @param firewallInterval between two looks at the rules on the host
 * @param maxLifetime a sandbox this old is reaped though in use; null for never
 * @param evictAfter a sandbox idle for so long may be evicted for another user's
 * @param ensureExpiry an ensure without a limit of its own is met up to this age
 * @param revokeTimeout longest wait for running work when partitions go to another worker
 */
public record Lifecycle(
    Duration idleTtl,
    Duration reaperInterval,
    Duration reconcileInterval,
    Duration firewallInterval,
    @Nullable Duration maxLifetime,
    Duration evictAfter,
    Duration ensureExpiry,
    Restart restart,
    Handover handover,
    Duration revokeTimeout) {
  /** What becomes of the sandboxes across a restart. */
  public enum Restart {
    /** A stop reaps them, a start removes what is left. */
    PURGE,
    /** They keep running and are taken over. */
    ADOPT
  }

  /** When users whose sandboxes went with another host get new ones. */
  public enum Handover {
    /** At their next ensure. */
    LAZY,
    /** At once. */
    EAGER
  }
}
