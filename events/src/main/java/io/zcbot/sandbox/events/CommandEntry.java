/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * An entry of the command table: a command that was started or is about to be started. It is state,
 * not an event. The compacted {@link Topic#COMMANDS} keeps one record for each exec, from before
 * the command's start until the exec's offset is committed and the exec is answered.
 *
 * @param execId the {@code event_id} of the exec
 * @param partition the exec's partition
 * @param offset the exec's offset
 * @param container the container in which the command runs
 * @param startedAt when the command was started
 * @param answered whether the exec's {@link Exited} is published
 * @param replyTo the topic to which the exec's answers are copied; null if they are not copied
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
  /** Creates an entry of an exec whose answers are not copied. */
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

  /** The same entry, once the exec is answered. */
  public CommandEntry asAnswered() {
    return new CommandEntry(userId, execId, partition, offset, container, startedAt, true, replyTo);
  }
}
