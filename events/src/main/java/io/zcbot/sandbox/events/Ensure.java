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
 * A user needs a sandbox.
 *
 * @param expiresAt when the requester stops waiting; if absent, the worker's default applies,
 *     counted from the record's time
 * @param idleTtl how long the sandbox may be unused before it is reaped, until the user's next
 *     ensure, in whole seconds and within bounds that the workers set; if absent, theirs applies
 */
public record Ensure(
    String eventId,
    UserId userId,
    Instant requestedAt,
    @Nullable String requestedBy,
    @Nullable Instant expiresAt,
    @Nullable Duration idleTtl)
    implements SandboxEvent {
  public Ensure {
    idleTtl = idleTtl == null ? null : idleTtl.truncatedTo(ChronoUnit.SECONDS);
  }

  /** One for which the workers' own idle TTL applies. */
  public Ensure(
      String eventId,
      UserId userId,
      Instant requestedAt,
      @Nullable String requestedBy,
      @Nullable Instant expiresAt) {
    this(eventId, userId, requestedAt, requestedBy, expiresAt, null);
  }

  @Override
  public Instant at() {
    return requestedAt;
  }
}
