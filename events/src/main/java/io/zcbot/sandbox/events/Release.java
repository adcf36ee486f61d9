/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * The user's sandbox is not needed any more. It is removed and announced {@code reaped(requested)}.
 *
 * @param expiresAt when the requester stops waiting; a release that is read later is passed over;
 *     if absent, it never expires
 * @param containerId which sandbox; whichever the user has, if absent
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
