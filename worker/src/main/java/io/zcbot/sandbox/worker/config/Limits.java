/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.config;

import java.time.Duration;

/**
 * How much at once, and how long at most.
 *
 * @param maxSandboxes on this host
 * @param createConcurrency sandboxes created at the same time
 * @param reapConcurrency sandboxes removed at the same time
 * @param lookupConcurrency other engine calls at the same time
 * @param engineTimeout deadline of one engine call
 * @param readyTimeout from a sandbox's start to its ready line
 * @param maxOpenRecords unfinished ensures of one partition
 * @param pullTimeout of a missing image
 * @param newUsersPerMinute sandboxes made for users not served within the idle TTL
 * @param warmSlots containers parked for users who have no sandbox yet
 */
public record Limits(
    int maxSandboxes,
    int createConcurrency,
    int reapConcurrency,
    int lookupConcurrency,
    Duration engineTimeout,
    Duration readyTimeout,
    int maxOpenRecords,
    Duration pullTimeout,
    int newUsersPerMinute,
    int warmSlots) {}
