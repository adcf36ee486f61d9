/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.bench;

import java.util.List;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.SynchronizedHistogram;

/** Percentiles of each round, in milliseconds. */
final class Latencies {
  private final Rounds rounds = new Rounds();

  static Histogram histogram() {
    return new SynchronizedHistogram(600_000_000_000L / 1000, 3);
  }

  /** Adds a round of latencies in microseconds. */
  void add(String name, Histogram latencies) {
    rounds.add(name + " p50", latencies.getValueAtPercentile(50) / 1000.0);
    rounds.add(name + " p95", latencies.getValueAtPercentile(95) / 1000.0);
    rounds.add(name + " p99", latencies.getValueAtPercentile(99) / 1000.0);
  }

  Rounds rounds() {
    return rounds;
  }

  List<String> row(String name) {
    return List.of(
        name,
        rounds.text(name + " p50", "%.1f"),
        rounds.text(name + " p95", "%.1f"),
        rounds.text(name + " p99", "%.1f"));
  }
}
