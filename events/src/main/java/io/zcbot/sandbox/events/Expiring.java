/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;

/**
 * A sandbox will be reaped unless it is used. Published some time before, if the operator set how
 * long.
 *
 * @param noticedAt when it was noticed
 * @param endsAt when it will be reaped
 */
public record Expiring(
    String eventId,
    UserId userId,
    Instant noticedAt,
    String containerId,
    Instant endsAt,
    Reason reason)
    implements SandboxEvent {
  /** Why it will be reaped. */
  public enum Reason implements WireName {
    /** It is not used; using it keeps it. */
    IDLE,
    /** It reaches its maximum lifetime, used or not. */
    LIFETIME,
    /** One that a newer version has; no worker publishes it. */
    UNKNOWN
  }

  @Override
  public Instant at() {
    return noticedAt;
  }
}
