/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;

/**
 * An entry of the table of current sandboxes: the user's sandbox that was announced ready last and
 * not reaped. The compacted {@link Topic#CURRENT} keeps one record for each user, and none once the
 * sandbox is reaped.
 *
 * @param readyId the {@code event_id} of the ready that announced it
 * @param readyAt when that was
 */
public record CurrentSandbox(
    String readyId, UserId userId, Instant readyAt, ContainerRef container) {
  /** The sandbox that was announced ready. */
  public static CurrentSandbox of(Ready ready) {
    return new CurrentSandbox(ready.eventId(), ready.userId(), ready.readyAt(), ready.container());
  }
}
