/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import io.zcbot.sandbox.events.CommandSignal;
import java.time.Duration;
import org.jspecify.annotations.Nullable;

/**
 * What becomes of the signals that this process gets while a command runs elsewhere. Each is the
 * command's. Somebody who insists gets away: a second Ctrl-C within a second kills, one after a
 * kill leaves, and so does a second TERM or HUP.
 */
final class Interrupts {
  private static final Duration INSISTING = Duration.ofSeconds(1);

  private @Nullable CommandSignal last;
  private long at;

  /**
   * What to send now.
   *
   * @param got one of those that end a program
   * @param nanos a monotonic time
   * @return null to leave
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
