/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;

/**
 * Says that an ensure could not be met.
 *
 * @param ensureId the {@code event_id} of the ensure that this answers
 * @param message for an operator: what was tried, what went wrong, what to do
 * @param retryable whether the same ensure can succeed later without anyone changing anything
 */
public record Failed(
    String eventId,
    UserId userId,
    String ensureId,
    Instant failedAt,
    Reason reason,
    String message,
    boolean retryable)
    implements SandboxEvent {
  /** Why there is no sandbox. */
  public enum Reason implements WireName {
    /** The engine has no such image and could not pull it. */
    IMAGE_MISSING,
    /** The host is full: sandboxes, addresses, disk, memory. */
    CAPACITY,
    /** The engine did not answer, or kept failing, until the ensure expired. */
    ENGINE_UNAVAILABLE,
    /** The ensure expired before it was processed. */
    EXPIRED,
    /**
     * The engine rejected the sandbox's configuration, or the worker rejected the ensure's idle
     * TTL.
     */
    REJECTED,
    /** The sandbox started, but its firewall could not be activated. */
    FIREWALL,
    /** The user's directory is not usable, e.g. a symlink or owned by somebody else. */
    WORKSPACE,
    /** An error in the worker; please report it. */
    INTERNAL,
    /** A reason that this version does not know; workers of this version never publish it. */
    UNKNOWN
  }

  @Override
  public Instant at() {
    return failedAt;
  }
}
