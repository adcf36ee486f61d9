/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.commands;

import io.zcbot.sandbox.worker.base.Time;
import io.zcbot.sandbox.worker.engine.CommandChannel;
import io.zcbot.sandbox.worker.engine.CommandEngine;
import io.zcbot.sandbox.worker.engine.EngineException;
import java.time.Duration;

/**
 * Opens the channels to one container. An agent can stop or kill the runner in its sandbox, so that
 * every opening is slow, and the user's lane waits for each. So none begins until the one before is
 * as long ago as it took, whether or not it succeeded. One that failed because of the engine does
 * not count. Not thread-safe, except for {@link #rest} and {@link #isResting}.
 */
final class ChannelOpenings {
  /** A process that was suspended meanwhile would find that an opening took hours. */
  private static final Duration LONGEST_REST = Duration.ofSeconds(10);

  private final CommandEngine engine;
  private final String containerId;
  private final Time time;
  private EngineException result = broken();
  private volatile long restsUntil;

  ChannelOpenings(CommandEngine engine, String containerId, Time time) {
    this.engine = engine;
    this.containerId = containerId;
    this.time = time;
    this.restsUntil = time.nanos();
  }

  /** For how long nobody may try it yet; not positive if somebody may. */
  Duration rest() {
    return Duration.ofNanos(restsUntil - time.nanos());
  }

  boolean isResting() {
    return rest().isPositive();
  }

  /**
   * Opens a channel. Blocks.
   *
   * @throws EngineException if it can't be opened, or nobody may try it yet
   */
  CommandChannel open() throws EngineException {
    if (isResting()) {
      throw result;
    }
    long begin = time.nanos();
    try {
      CommandChannel channel = engine.open(containerId);
      ended(begin, broken());
      return channel;
    } catch (EngineException e) {
      if (e.kind() != EngineException.Kind.UNAVAILABLE) {
        ended(begin, e);
      }
      throw e;
    }
  }

  private void ended(long begin, EngineException why) {
    result = why;
    long end = time.nanos();
    restsUntil = end + Math.min(end - begin, LONGEST_REST.toNanos());
  }

  private static EngineException broken() {
    return new EngineException(
        EngineException.Kind.TRANSIENT,
        "command",
        "the connection to the sandbox broke soon after it was opened",
        null);
  }
}
