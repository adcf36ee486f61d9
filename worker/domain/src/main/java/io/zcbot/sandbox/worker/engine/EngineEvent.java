/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

import io.zcbot.sandbox.events.UserId;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * An event of a sandbox or slot on the engine.
 *
 * @param user whose sandbox it is; null for an idle slot
 * @param exitCode of a {@link Kind#DIED}; null if the engine did not say
 */
public record EngineEvent(
    Kind kind, @Nullable UserId user, String containerId, Instant at, @Nullable Integer exitCode) {
  /** The events that the worker uses. */
  public enum Kind {
    /** Its first process ended. */
    DIED,
    /** It was removed. */
    DESTROYED,
    /** It was paused, or is unusable for another reason. */
    PAUSED,
    /** It was renamed. */
    RENAMED,
    /** A command was started or ended in it with the engine's exec, so it is in use. */
    EXEC
  }
}
