package io.zcbot.sandbox.worker.config;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * How long things live.
 *
 * @param idleTtl a sandbox unused for so long is reaped
 * @param reaperInterval between two looks for idle sandboxes
 * @param reconcileInterval between two comparisons with the engine's listing
 * @param maxLifetime a sandbox this old is reaped though in use; null for never
 * @param evictAfter a sandbox idle for so long may be evicted for another user's
 * @param ensureExpiry an ensure without a limit of its own is met up to this age
 */
public record Lifecycle(
    Duration idleTtl,
    Duration reaperInterval,
    Duration reconcileInterval,
    @Nullable Duration maxLifetime,
    Duration evictAfter,
    Duration ensureExpiry) {}
