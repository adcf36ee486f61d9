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

  private static final Comparator<UserHistory.Entry> BY_AGE =
      Comparator.comparing(UserHistory.Entry::at)
          .thenComparingLong(entry -> entry.record().offset());

  private final PriorityQueue<UserHistory.Entry> entries = new PriorityQueue<>(BY_AGE);
  private long bytes;
  private boolean isWhole = true;

  void add(UserHistory.Entry entry) {
    entries.add(entry);
    bytes += Records.memory(entry.record());
    // One more than are shown, which says that these are not all.
    while (bytes > MOST_BYTES && entries.size() > UserHistory.WANTED + 1) {
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
  List<UserHistory.Entry> newest() {
    return entries.stream().sorted(BY_AGE).toList();
  }
}
