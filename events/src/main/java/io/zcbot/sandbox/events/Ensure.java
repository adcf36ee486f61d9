/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A user needs a sandbox.
 *
 * @param expiresAt when the requester stops waiting; if absent, the worker's default applies,
 *     counted from the record's time
 */
public record Ensure(
    String eventId,
    UserId userId,
    Instant requestedAt,
    @Nullable String requestedBy,
    @Nullable Instant expiresAt)
    implements SandboxEvent {
  @Override
  public Instant at() {
    return requestedAt;
  }
}
