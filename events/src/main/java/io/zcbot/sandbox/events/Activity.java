/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/** The user's sandbox was used, so it is not idle. */
public record Activity(String eventId, UserId userId, Instant occurredAt, @Nullable String source)
    implements SandboxEvent {
  @Override
  public Instant at() {
    return occurredAt;
  }
}
