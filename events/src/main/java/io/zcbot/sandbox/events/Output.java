/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;

/**
 * Output of a running command whose exec asks for a stream.
 *
 * @param execId the {@code event_id} of the exec
 * @param seq sequence number of the command's outputs, from 0 and without gaps
 * @param stream the stream to which the command wrote
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
