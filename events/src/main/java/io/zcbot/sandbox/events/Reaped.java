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
 */
public record Reaped(
    String eventId,
    UserId userId,
    Instant reapedAt,
    ContainerRef container,
    Reason reason,
    @Nullable Instant lastActiveAt,
    @Nullable Integer exitCode,
    @Nullable Boolean oomKilled)
    implements SandboxEvent {
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
    SHUTDOWN
  }

  public String containerId() {
    return container.id();
  }

  public String workerId() {
    return container.workerId();
  }

  @Override
  public Instant at() {
    return reapedAt;
  }
}
