/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * Says that a sandbox is gone.
 *
 * @param lastActiveAt when the sandbox was last known to be in use; null if unknown
 * @param exitCode exit code of the container's first process if it ended by itself, otherwise null
 * @param oomKilled whether the kernel's OOM killer ended the container, if it ended by itself;
 *     otherwise null
 * @param lastUse what kept the sandbox in use last; null if unknown
 */
public record Reaped(
    String eventId,
    UserId userId,
    Instant reapedAt,
    ContainerRef container,
    Reason reason,
    @Nullable Instant lastActiveAt,
    @Nullable Integer exitCode,
    @Nullable Boolean oomKilled,
    @Nullable Use lastUse)
    implements SandboxEvent {
  /** Creates an event without {@code lastUse}. */
  public Reaped(
      String eventId,
      UserId userId,
      Instant reapedAt,
      ContainerRef container,
      Reason reason,
      @Nullable Instant lastActiveAt,
      @Nullable Integer exitCode,
      @Nullable Boolean oomKilled) {
    this(eventId, userId, reapedAt, container, reason, lastActiveAt, exitCode, oomKilled, null);
  }

  /** Why the sandbox is gone. */
  public enum Reason implements WireName {
    /** It was not used for the idle TTL. */
    IDLE,
    /** It was left behind by a previous run of the worker, or an operator purged it. */
    PURGED,
    /** The user's partition was assigned to another worker. */
    MOVED,
    /** It was lost with its host. */
    LOST,
    /** It ended by itself, or something other than the worker removed it. */
    DIED,
    /** It reached its maximum lifetime. */
    LIFETIME,
    /** It reached the end that an ensure set. */
    ENDS_AT,
    /** It was idle and was removed to make room for another user's sandbox. */
    EVICTED,
    /** It was not usable (spec, owner, state) and was replaced by another sandbox of the user. */
    REPLACED,
    /** A {@link Release} asked for its end. */
    REQUESTED,
    /** The worker was shut down permanently. */
    SHUTDOWN,
    /** A reason that this version does not know; workers of this version never publish it. */
    UNKNOWN
  }

  /** What keeps a sandbox in use. */
  public enum Use implements WireName {
    /** An ensure was answered with it. */
    ENSURE,
    /** An agent service reported that the sandbox is in use. */
    ACTIVITY,
    /** A command of an {@link Exec} ran in it. */
    COMMAND,
    /** A process was started in it with the engine's exec. */
    EXEC,
    /** Its processes used more processor time than idle ones do. */
    CPU,
    /** A use that this version does not know; workers of this version never publish it. */
    UNKNOWN
  }

  /** The container's id, unique in time. */
  public String containerId() {
    return container.id();
  }

  /** The worker that published it. */
  public String workerId() {
    return container.workerId();
  }

  @Override
  public Instant at() {
    return reapedAt;
  }
}
