/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * Something happened to a sandbox on the engine.
 *
 * @param owner whose it is; null for a parked slot
 * @param exitCode of a {@link Kind#DIED}, where the engine told it
 */
public record EngineEvent(
    Kind kind,
    Container.@Nullable Owner owner,
    String containerId,
    Instant at,
    @Nullable Integer exitCode) {
  /** What the worker wants to know of. */
  public enum Kind {
    /** Its first process ended. */
    DIED,
    /** It was removed. */
    DESTROYED,
    /** It was paused, stopped being usable. */
    PAUSED,
    /** It was given another name. */
    RENAMED,
    /** A command was started in it, or ended: it is in use. */
    EXEC
  }
}
