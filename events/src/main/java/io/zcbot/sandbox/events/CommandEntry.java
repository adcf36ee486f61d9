/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * An entry of the command table: a command that was started, or was about to be. It is state, not
 * an event: the compacted {@link Topic#COMMANDS} keeps one record for each exec from before its
 * start until its offset is committed and it is answered.
 *
 * @param execId the {@code event_id} of the exec
 * @param partition the exec's partition
 * @param offset the exec's offset
 * @param answered whether its {@link Exited} is published
 * @param replyTo the topic to which its answers are copied; absent if to none
 */
public record CommandEntry(
    UserId userId,
    String execId,
    int partition,
    long offset,
    ContainerRef container,
    Instant startedAt,
    boolean answered,
    @Nullable String replyTo) {
  /** One whose answers are copied nowhere. */
  public CommandEntry(
      UserId userId,
      String execId,
      int partition,
      long offset,
      ContainerRef container,
      Instant startedAt,
      boolean answered) {
    this(userId, execId, partition, offset, container, startedAt, answered, null);
  }
}
