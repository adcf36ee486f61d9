/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;

/**
 * A command's program was executed. Published only if the exec asks for it and the sandbox tells
 * the process id, which that of an older image does not, and before the command's outputs and its
 * {@link Exited}; a reader of several topics can read it after them.
 *
 * @param execId the {@code event_id} of the exec
 * @param startedAt when it was started, as in its {@link Exited}
 * @param pid the program's process id as its sandbox sees it, from 1 on
 * @param container the container in which the command runs
 */
public record Started(
    String eventId,
    UserId userId,
    String execId,
    Instant startedAt,
    int pid,
    ContainerRef container)
    implements SandboxEvent {
  @Override
  public Instant at() {
    return startedAt;
  }
}
