/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.cli;

import java.time.Instant;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;

/**
 * Holds entries of a user's history while it is read. Each may have megabytes, so beyond {@link
 * #MOST_BYTES} only the newest are kept, which are those that are shown.
 */
final class HeldEntries {
  static final long MOST_BYTES = 16L << 20;

  private static final Comparator<RecentEvents.Entry> BY_AGE =
      Comparator.comparing(RecentEvents.Entry::at)
          .thenComparingLong(entry -> entry.record().offset());

  private final PriorityQueue<RecentEvents.Entry> entries = new PriorityQueue<>(BY_AGE);
  private long bytes;
  private boolean isWhole = true;

  void add(RecentEvents.Entry entry) {
    entries.add(entry);
    bytes += Records.memory(entry.record());
    // One more than are shown, which says that these are not all.
    while (bytes > MOST_BYTES && entries.size() > RecentEvents.WANTED + 1) {
      bytes -= Records.memory(entries.remove().record());
      isWhole = false;
    }
  }

  /** Whether none was dropped. */
  boolean isWhole() {
    return isWhole;
  }

  /** The instant of the oldest that was kept. */
  Instant oldest() {
    return entries.element().at();
  }

  /** Returns those that were kept, oldest first. */
  List<RecentEvents.Entry> newest() {
    return entries.stream().sorted(BY_AGE).toList();
  }
}
