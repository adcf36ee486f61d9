/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;

/**
 * An entry of the table of current sandboxes: the user's sandbox that was last announced ready and
 * is not reaped. The compacted {@link Topic#CURRENT} keeps one record for each user, and none once
 * the sandbox is reaped.
 *
 * @param readyId the {@code event_id} of the {@link Ready} that announced the sandbox
 * @param readyAt when the sandbox was announced
 */
public record CurrentSandbox(
    String readyId, UserId userId, Instant readyAt, ContainerRef container) {
  /** Returns the entry for the sandbox that an event announces. */
  public static CurrentSandbox of(Ready ready) {
    return new CurrentSandbox(ready.eventId(), ready.userId(), ready.readyAt(), ready.container());
  }
}
