/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.Locale;
import java.util.function.LongSupplier;

/**
 * Shows the progress of a copy on a terminal: the bytes and their rate, and a bar if the total is
 * known. Shows nothing in the first 500 ms. Not thread-safe.
 */
final class CopyProgress {
  private static final Duration SILENT = Duration.ofMillis(500);
  private static final Duration REDRAW = Duration.ofMillis(200);
  private static final int WIDTH = 30;
  private static final int LINE = 79;
  private static final double UNIT = 1024;

  private final PrintWriter terminal;
  private final boolean isWanted;
  private final LongSupplier nanos;
  private final long start;
  private long whole = -1;
  private long drawn;
  private boolean isShown;

  /**
   * Creates a progress that is not shown yet.
   *
   * @param isWanted whether the writer is a terminal
   * @param nanos monotonic clock, in nanoseconds
   */
  CopyProgress(PrintWriter terminal, boolean isWanted, LongSupplier nanos) {
    this.terminal = terminal;
    this.isWanted = isWanted;
    this.nanos = nanos;
    this.start = nanos.getAsLong();
    this.drawn = start;
  }

  /** Sets the total number of bytes. */
  void whole(long bytes) {
    whole = bytes;
  }

  /** Sets the number of bytes that are copied, and redraws if it is time. */
  void at(long bytes) {
    long now = nanos.getAsLong();
    if (!isWanted
        || now - start < SILENT.toNanos()
        || (isShown && now - drawn < REDRAW.toNanos())) {
      return;
    }
    drawn = now;
    isShown = true;
    String rate = amount((long) (bytes / ((now - start) / 1e9))) + "/s";
    String text =
        whole > 0
            ? bar(bytes) + amount(bytes) + " of " + amount(whole) + ", " + rate
            : amount(bytes) + ", " + rate;
    terminal.print("\r" + String.format("%-" + (LINE - 1) + "s", text));
    terminal.flush();
  }

  private String bar(long bytes) {
    int percent = (int) Math.clamp(100.0 * bytes / whole, 0, 100);
    int full = WIDTH * percent / 100;
    return "[" + "#".repeat(full) + ".".repeat(WIDTH - full) + "] " + percent + "%, ";
  }

  static String amount(long bytes) {
    double value = bytes;
    String[] units = {"B", "KiB", "MiB", "GiB", "TiB"};
    int unit = 0;
    while (value >= UNIT && unit < units.length - 1) {
      value /= UNIT;
      unit++;
    }
    return String.format(Locale.ROOT, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  }

  /** Removes the progress from the terminal. */
  void end() {
    if (isShown) {
      isShown = false;
      terminal.print("\r" + " ".repeat(LINE) + "\r");
      terminal.flush();
    }
  }
}
