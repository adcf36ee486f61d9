/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.intake;

import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Reports records that should have been answered long ago. */
final class Overdue {
  /** An answer may exceed its deadline by one engine call, but not by more. */
  private static final Duration TOLERATED = Duration.ofMinutes(1);

  private Overdue() {}

  /**
   * Names the partitions with such records; null if there are none.
   *
   * @param what says what is wrong with the records, for the beginning of the message
   */
  static @Nullable String problem(
      String what, String topic, Map<Integer, Duration> overdueByPartition) {
    Map<Integer, Duration> overdue = new TreeMap<>(overdueByPartition);
    overdue.values().removeIf(duration -> duration.compareTo(TOLERATED) < 0);
    return overdue.isEmpty()
        ? null
        : what
            + ", by partition of "
            + topic
            + ": "
            + overdue.entrySet().stream()
                .map(e -> e.getKey() + " for " + e.getValue().toSeconds() + " s")
                .collect(Collectors.joining(", "));
  }
}
