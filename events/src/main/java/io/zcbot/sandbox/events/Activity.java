/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * Reports that the user's sandbox is in use, so that it is not reaped as idle.
 *
 * @param occurredAt when the sandbox was used, by the clock of the agent service; workers use the
 *     record's timestamp instead
 * @param source what used the sandbox, for people who read the log; null if unknown
 */
public record Activity(String eventId, UserId userId, Instant occurredAt, @Nullable String source)
    implements SandboxEvent {
  @Override
  public Instant at() {
    return occurredAt;
  }
}
