/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.io.PrintWriter;
import java.time.Duration;

/**
 * Shows on a terminal that nothing has come yet, and for how long. Shows nothing in the first 2 s.
 */
final class WaitingLine {
  private static final Duration SILENT = Duration.ofSeconds(2);

  private final PrintWriter terminal;
  private final boolean isWanted;
  private final String what;
  private final long start = System.nanoTime();
  private long shown;

  /**
   * Creates a line that is not shown yet.
   *
   * @param isWanted whether the writer is a terminal
   * @param what what is waited for
   */
  WaitingLine(PrintWriter terminal, boolean isWanted, String what) {
    this.terminal = terminal;
    this.isWanted = isWanted;
    this.what = what;
  }

  /** Called often while nothing comes; redraws the line at most once a second. */
  void tick() {
    long waited = System.nanoTime() - start;
    long seconds = Duration.ofNanos(waited).toSeconds();
    if (isWanted && waited >= SILENT.toNanos() && seconds != shown) {
      shown = seconds;
      terminal.print("\r" + what + " … " + seconds + " s");
      terminal.flush();
    }
  }

  /** Called when something has come; removes the line. */
  void clear() {
    if (shown > 0) {
      shown = 0;
      terminal.print("\r" + " ".repeat(what.length() + 12) + "\r");
      terminal.flush();
    }
  }
}
