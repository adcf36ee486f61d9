/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
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
 * @param labels what the sandbox is labelled with from now on, instead of its labels so far; if
 *     null, it keeps them. At most 128, whose keys are 1 to 128 printable characters long, and
 *     which take 4096 bytes at most, keys and values together
 * @param endsAt when the sandbox ends, even if it is in use; it ends earlier for any other reason;
 *     if null, it keeps its end. An ensure whose end is more than 5 seconds before {@code
 *     requestedAt} is refused
 * @param profile what the sandbox is made of, by its {@link ProfileName}; if null, that of the
 *     user's sandbox, and the default if there is none
 * @param replace whether a sandbox of another profile in which commands run is replaced; if false,
 *     the ensure is refused then. One in which none runs is replaced in any case
 * @param network what the sandbox may reach from now on, within what its profile allows by name; if
 *     null, that stays, and is all that the profile allows for a new sandbox
 */
public record Ensure(
    String eventId,
    UserId userId,
    Instant requestedAt,
    @Nullable String requestedBy,
    @Nullable Instant expiresAt,
    @Nullable Duration idleTtl,
    @Nullable Map<String, String> labels,
    @Nullable Instant endsAt,
    @Nullable String profile,
    boolean replace,
    @Nullable Network network)
    implements SandboxEvent {
  public Ensure {
    idleTtl = idleTtl == null ? null : idleTtl.truncatedTo(ChronoUnit.SECONDS);
    labels = labels == null ? null : Map.copyOf(labels);
  }

  /** Creates an ensure that keeps what the sandbox may reach. */
  public Ensure(
      String eventId,
      UserId userId,
      Instant requestedAt,
      @Nullable String requestedBy,
      @Nullable Instant expiresAt,
      @Nullable Duration idleTtl,
      @Nullable Map<String, String> labels,
      @Nullable Instant endsAt,
      @Nullable String profile,
      boolean replace) {
    this(
        eventId,
        userId,
        requestedAt,
        requestedBy,
        expiresAt,
        idleTtl,
        labels,
        endsAt,
        profile,
        replace,
        null);
  }

  /** Creates an ensure that takes whichever profile the user's sandbox has. */
  public Ensure(
      String eventId,
      UserId userId,
      Instant requestedAt,
      @Nullable String requestedBy,
      @Nullable Instant expiresAt,
      @Nullable Duration idleTtl,
      @Nullable Map<String, String> labels,
      @Nullable Instant endsAt) {
    this(
        eventId, userId, requestedAt, requestedBy, expiresAt, idleTtl, labels, endsAt, null, false);
  }

  /** Creates an ensure that keeps the sandbox's labels and end. */
  public Ensure(
      String eventId,
      UserId userId,
      Instant requestedAt,
      @Nullable String requestedBy,
      @Nullable Instant expiresAt,
      @Nullable Duration idleTtl) {
    this(eventId, userId, requestedAt, requestedBy, expiresAt, idleTtl, null, null);
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
