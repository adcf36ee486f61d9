/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import org.jspecify.annotations.Nullable;

/**
 * An entry of the live table: a sandbox that was, or is about to be, announced ready and was not
 * announced reaped yet. It is state, not an event: the compacted {@link Topic#LIVE} keeps one
 * record per container, and none once it is reaped.
 *
 * @param openedAt when it was found ready
 * @param idleTtl what the user's last ensure asked for, in whole seconds; absent if it left that to
 *     the worker
 */
public record LiveSandbox(
    UserId userId,
    String containerId,
    String host,
    String workerId,
    Instant openedAt,
    @Nullable Duration idleTtl) {
  public LiveSandbox {
    idleTtl = idleTtl == null ? null : idleTtl.truncatedTo(ChronoUnit.SECONDS);
  }

  /** One with the worker's own idle TTL. */
  public LiveSandbox(
      UserId userId, String containerId, String host, String workerId, Instant openedAt) {
    this(userId, containerId, host, workerId, openedAt, null);
  }
}
