/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.result;

import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.log.RecordPosition;
import java.time.Duration;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * One sandbox of a user, from its first ready to its reaped.
 *
 * @param start null if no ready names it: it was never announced, or the log is cut
 * @param end null if it was open at the end of the log
 * @param ensures how many ensures it answered
 * @param activities how many activities came while it was open
 */
public record Session(
    UserId user,
    String containerId,
    String host,
    String workerId,
    @Nullable Instant start,
    @Nullable Instant end,
    Reaped.@Nullable Reason reason,
    int ensures,
    long activities,
    @Nullable RecordPosition startPosition,
    @Nullable RecordPosition endPosition)
    implements Observation {
  /** How long it lasted, where both ends are known. */
  public @Nullable Duration lasted() {
    return start == null || end == null ? null : Duration.between(start, end);
  }
}
