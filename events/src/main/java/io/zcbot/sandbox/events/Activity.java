/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * The user's sandbox was used, so it is not idle.
 *
 * @param occurredAt when, by the clock of the agent service; workers go by the record's time
 * @param source what used it, for people
 */
public record Activity(String eventId, UserId userId, Instant occurredAt, @Nullable String source)
    implements SandboxEvent {
  @Override
  public Instant at() {
    return occurredAt;
  }
}
