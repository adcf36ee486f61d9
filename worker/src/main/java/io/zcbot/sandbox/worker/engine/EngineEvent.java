/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

import io.zcbot.sandbox.events.UserId;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * Something happened to a sandbox on the engine.
 *
 * @param user whose it is; null for an idle slot
 * @param exitCode of a {@link Kind#DIED}, where the engine told it
 */
public record EngineEvent(
    Kind kind, @Nullable UserId user, String containerId, Instant at, @Nullable Integer exitCode) {
  /** The events that the worker uses. */
  public enum Kind {
    /** Its first process ended. */
    DIED,
    /** It was removed. */
    DESTROYED,
    /** It was paused or is no longer usable for another reason. */
    PAUSED,
    /** It was given another name. */
    RENAMED,
    /** A command was started in it, or ended: it is in use. */
    EXEC
  }
}
