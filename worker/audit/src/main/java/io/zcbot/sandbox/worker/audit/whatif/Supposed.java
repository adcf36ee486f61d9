/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.whatif;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Settings of each host that are supposed.
 *
 * @param name for people
 * @param leastWarm the least number of idle slots; 0 for no warm pool
 * @param mostWarm the largest; as {@code leastWarm} for a pool of that size
 * @param ttl the idle TTL of all sandboxes; null for the one that each ready tells
 * @param usualTtl of sandboxes whose ready tells none
 * @param max most sandboxes and slots of a host
 * @param evictAfter for how long a sandbox must have been idle to give its place to another
 */
public record Supposed(
    String name,
    int leastWarm,
    int mostWarm,
    @Nullable Duration ttl,
    Duration usualTtl,
    int max,
    Duration evictAfter) {}
