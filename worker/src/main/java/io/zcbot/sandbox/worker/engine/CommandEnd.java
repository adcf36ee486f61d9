/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.engine;

import java.time.Duration;
import org.jspecify.annotations.Nullable;

/** How a command ended. */
public sealed interface CommandEnd {
  /**
   * It ended by itself.
   *
   * @param cpu processor time that it and its children used; null if not known
   */
  record Exited(int code, @Nullable Duration cpu) implements CommandEnd {}

  /**
   * A signal ended it.
   *
   * @param number of the signal
   */
  record Signalled(int number, @Nullable Duration cpu) implements CommandEnd {}

  /**
   * Its process tree was killed, at its time-out or by {@link CommandChannel.Command#kill()}.
   *
   * @param timedOut whether at its time-out
   * @param survivors how many of its processes could not be killed
   */
  record Killed(boolean timedOut, int survivors, @Nullable Duration cpu) implements CommandEnd {}

  /**
   * It did not start.
   *
   * @param retryable whether another try can succeed later
   */
  record NotStarted(String why, boolean retryable) implements CommandEnd {}

  /** The channel broke. The command may have been started, and may still run. */
  record Broken(String why) implements CommandEnd {}
}
