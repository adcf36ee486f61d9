/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;

/**
 * Output of a command that runs, if its exec asks for a stream.
 *
 * @param execId the {@code event_id} of the exec
 * @param seq counts the command's outputs from 0, without gaps
 * @param stream where the command wrote it
 */
public record Output(
    String eventId,
    UserId userId,
    String execId,
    Instant writtenAt,
    long seq,
    OutputStreamName stream,
    Data data)
    implements SandboxEvent {
  @Override
  public Instant at() {
    return writtenAt;
  }
}
