/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * Says that the user's sandbox is not needed any more. The sandbox is removed and announced by
 * {@link Reaped} with the reason {@link Reaped.Reason#REQUESTED}.
 *
 * @param requestedBy who asks, for people who read the log; null if unknown
 * @param expiresAt when the requester stops waiting; a worker that reads the release later ignores
 *     it; if null, it never expires
 * @param containerId the container that is to be removed; if null, whichever the user has
 */
public record Release(
    String eventId,
    UserId userId,
    Instant requestedAt,
    @Nullable String requestedBy,
    @Nullable Instant expiresAt,
    @Nullable String containerId)
    implements SandboxEvent {
  @Override
  public Instant at() {
    return requestedAt;
  }
}
