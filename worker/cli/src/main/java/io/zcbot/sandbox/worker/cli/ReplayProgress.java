/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.time.Duration;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * Shows the progress of a replay on standard error: a bar on a terminal, otherwise a line for each
 * tenth. Shows nothing in the first 2 s. Ends a replay whose output can't be written any more.
 */
final class ReplayProgress {
  private static final Duration SILENT = Duration.ofSeconds(2);
  private static final Duration REDRAW = Duration.ofMillis(200);
  private static final int WIDTH = 30;
  private static final int LINE_STEP = 10;

  private final Console console;
  private final LongSupplier nanos;
  private final long start;
  private long drawn;
  private int linePercent;
  private boolean isBarShown;

  ReplayProgress(Console console) {
    this(console, System::nanoTime);
  }

  ReplayProgress(Console console, LongSupplier nanos) {
    this.console = console;
    this.nanos = nanos;
    this.start = nanos.getAsLong();
    this.drawn = start;
  }

  /**
   * Notes the progress.
   *
   * @throws OutputLostException if what was printed so far was not written
   */
  void at(double share, long records) {
    long now = nanos.getAsLong();
    boolean isShown = now - start >= SILENT.toNanos();
    boolean isRedrawn = console.isTerminal() && isShown && now - drawn >= REDRAW.toNanos();
    if (isRedrawn) {
      end(); // what is printed takes the place of the bar
    }
    if (!isBarShown && console.out().checkError()) {
      throw new OutputLostException();
    }
    int percent = (int) (share * 100);
    if (isRedrawn) {
      drawn = now;
      isBarShown = true;
      console.err().print("\r" + bar(percent) + text(percent, records, now));
      console.err().flush();
    } else if (!console.isTerminal() && isShown && percent >= linePercent + LINE_STEP) {
      linePercent = percent - percent % LINE_STEP;
      console.err().println("read " + text(percent, records, now).strip());
    }
  }

  private static String bar(int percent) {
    int full = WIDTH * percent / 100;
    return "[" + "#".repeat(full) + ".".repeat(WIDTH - full) + "] ";
  }

  private String text(int percent, long records, long now) {
    double seconds = (now - start) / 1e9;
    return String.format(
        Locale.ROOT, "%3d%%, %,d records, %,.0f/s", percent, records, records / seconds);
  }

  /** Removes the bar from the terminal. */
  void end() {
    if (isBarShown) {
      isBarShown = false;
      console.err().print("\r" + " ".repeat(WIDTH + 50) + "\r");
      console.err().flush();
    }
  }
}
