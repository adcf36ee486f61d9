/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.events;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * The sandbox is gone.
 *
 * @param lastActiveAt when it was last known to be in use, if that is known
 * @param exitCode exit code of its first process, if it ended by itself
 * @param oomKilled whether the kernel's OOM killer ended it, if it ended by itself
 * @param lastUse what held it in use last, if that is known
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
  /** One of which nobody knows what held it in use last. */
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

  /** Why it is gone. */
  public enum Reason implements WireName {
    /** Not used for the idle TTL. */
    IDLE,
    /** Left by a previous run of the worker. */
    PURGED,
    /** The user's partition was assigned to another worker. */
    MOVED,
    /** It was lost with its host. */
    LOST,
    /** It ended by itself, or was removed by somebody other than the worker. */
    DIED,
    /** It reached its maximum lifetime. */
    LIFETIME,
    /** It was idle and was removed to make room for another user's sandbox. */
    EVICTED,
    /** It was not usable (spec, owner, state) and was replaced by another sandbox of the user. */
    REPLACED,
    /** An operator purged it. */
    REQUESTED,
    /** The worker was shut down for good. */
    SHUTDOWN,
    /** One that a newer version has; no worker publishes it. */
    UNKNOWN
  }

  /** What holds a sandbox in use. */
  public enum Use implements WireName {
    /** An ensure was answered with it. */
    ENSURE,
    /** An agent service reported that it is used. */
    ACTIVITY,
    /** A command of {@code sandbox.exec} ran in it. */
    COMMAND,
    /** Somebody ran something in it with the engine's exec. */
    EXEC,
    /** Its processes took more processor time than idle ones do. */
    CPU,
    /** One that a newer version has; no worker publishes it. */
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
