/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.CommandSignal;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * Decides what becomes of signals that this process gets while a command runs elsewhere. Each is
 * sent to the command, unless the user insists: a second INT within a second kills the command, and
 * the next signal after that ends the wait, as does a second TERM or HUP. Thread-safe.
 */
final class Interrupts {
  private static final Duration INSISTING = Duration.ofSeconds(1);

  private @Nullable CommandSignal last;
  private long at;

  /**
   * Returns the signal to send to the command; null to end the wait.
   *
   * @param got INT, TERM or HUP
   * @param nanos the present time of a monotonic clock
   */
  synchronized @Nullable CommandSignal next(CommandSignal got, long nanos) {
    CommandSignal before = last;
    boolean isSoon = before != null && nanos - at <= INSISTING.toNanos();
    at = nanos;
    last = got;
    if (before == CommandSignal.KILL || (got != CommandSignal.INT && before == got)) {
      return null;
    }
    if (got == CommandSignal.INT && before == CommandSignal.INT && isSoon) {
      last = CommandSignal.KILL;
    }
    return last;
  }
}
