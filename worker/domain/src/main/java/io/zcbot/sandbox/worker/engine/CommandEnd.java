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
   * The kernel killed a process of the sandbox because memory was used up.
   *
   * @param limit how much memory the sandbox may use, in bytes; null if not known
   */
  record OutOfMemory(@Nullable Long limit) {}

  /**
   * It ended by itself.
   *
   * @param cpu processor time that it and its children used; null if not known
   * @param outOfMemory what happened while it ran; null if memory was enough
   */
  record Exited(int code, @Nullable Duration cpu, @Nullable OutOfMemory outOfMemory)
      implements CommandEnd {
    public Exited(int code, @Nullable Duration cpu) {
      this(code, cpu, null);
    }
  }

  /**
   * A signal ended it.
   *
   * @param number of the signal
   */
  record Signalled(int number, @Nullable Duration cpu, @Nullable OutOfMemory outOfMemory)
      implements CommandEnd {
    public Signalled(int number, @Nullable Duration cpu) {
      this(number, cpu, null);
    }
  }

  /**
   * Its process tree was killed, at its time-out or by {@link CommandChannel.Command#kill()}.
   *
   * @param timedOut whether at its time-out
   * @param survivors how many of its processes could not be killed
   */
  record Killed(
      boolean timedOut, int survivors, @Nullable Duration cpu, @Nullable OutOfMemory outOfMemory)
      implements CommandEnd {
    public Killed(boolean timedOut, int survivors, @Nullable Duration cpu) {
      this(timedOut, survivors, cpu, null);
    }
  }

  /**
   * It did not start.
   *
   * @param retryable whether another try can succeed later
   * @param exitCode what shells exit with if they can't execute a program; null if something else
   *     failed
   */
  record NotStarted(String why, boolean retryable, @Nullable Integer exitCode)
      implements CommandEnd {
    public NotStarted(String why, boolean retryable) {
      this(why, retryable, null);
    }
  }

  /** The channel broke. The command may have been started, and may still run. */
  record Broken(String why) implements CommandEnd {}
}
