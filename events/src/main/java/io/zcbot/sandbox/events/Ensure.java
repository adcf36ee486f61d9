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
 * Asks for a sandbox for a user. It is answered by a {@link Ready} or a {@link Failed}.
 *
 * @param requestedBy who asks, for people who read the log; null if unknown
 * @param expiresAt when the requester stops waiting; if null, the worker's default applies, counted
 *     from the record's timestamp
 * @param idleTtl how long the sandbox may be unused before it is reaped, until the user's next
 *     ensure; truncated to whole seconds, and within the operator's bounds; if null, the worker's
 *     default applies
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

  /** Creates an ensure without an idle TTL, so that the worker's default applies. */
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
