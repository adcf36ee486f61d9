/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;

/**
 * Announces that a sandbox will be reaped. It is published only if the operator has set how long in
 * advance.
 *
 * @param noticedAt when the worker noticed it
 * @param endsAt when the sandbox will be reaped at the earliest
 * @param reason why it will be reaped, which says whether using it keeps it
 */
public record Expiring(
    String eventId,
    UserId userId,
    Instant noticedAt,
    String containerId,
    Instant endsAt,
    Reason reason)
    implements SandboxEvent {
  /** Why the sandbox will be reaped. */
  public enum Reason implements WireName {
    /** The sandbox is not used; using it keeps it. */
    IDLE,
    /** The sandbox reaches its maximum lifetime, whether it is used or not. */
    LIFETIME,
    /**
     * The sandbox reaches the end that an ensure set, whether it is used or not; another ensure may
     * move it.
     */
    ENDS_AT,
    /** A reason that this version does not know; workers of this version never publish it. */
    UNKNOWN
  }

  @Override
  public Instant at() {
    return noticedAt;
  }
}
