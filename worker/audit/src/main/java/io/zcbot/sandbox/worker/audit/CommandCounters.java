/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.worker.audit.result.Latency;
import io.zcbot.sandbox.worker.audit.result.Summary;
import java.util.Collections;
import java.util.EnumMap;
import java.util.Map;
import org.HdrHistogram.Histogram;
import org.jspecify.annotations.Nullable;

/** Counts of commands. */
final class CommandCounters {
  private static final int DIGITS = 3;

  private final Map<Exited.Reason, Long> answers = new EnumMap<>(Exited.Reason.class);
  private final Map<Exited.Reason, Histogram> latencies = new EnumMap<>(Exited.Reason.class);
  private long outputBytes;
  long asked;
  long unanswered;
  long answeredAgain;
  long answersWithoutExec;

  /**
   * Counts an answered exec.
   *
   * @param latencyMs from the exec to the start; null if its command never started
   */
  void answered(Exited.Reason reason, @Nullable Long latencyMs) {
    answers.merge(reason, 1L, Long::sum);
    if (latencyMs != null) {
      histogram(reason).recordValue(latencyMs);
    }
  }

  void wrote(int bytes) {
    outputBytes += bytes;
  }

  void add(CommandCounters other) {
    other.answers.forEach((reason, n) -> answers.merge(reason, n, Long::sum));
    other.latencies.forEach((reason, more) -> histogram(reason).add(more));
    outputBytes += other.outputBytes;
    asked += other.asked;
    unanswered += other.unanswered;
    answeredAgain += other.answeredAgain;
    answersWithoutExec += other.answersWithoutExec;
  }

  Summary.Commands summary() {
    Map<Exited.Reason, Latency> percentiles = new EnumMap<>(Exited.Reason.class);
    latencies.forEach((reason, histogram) -> percentiles.put(reason, Latency.of(histogram)));
    return new Summary.Commands(
        asked,
        unanswered,
        Collections.unmodifiableMap(answers),
        Collections.unmodifiableMap(percentiles),
        outputBytes,
        answeredAgain,
        answersWithoutExec);
  }

  private Histogram histogram(Exited.Reason reason) {
    return latencies.computeIfAbsent(reason, _ -> new Histogram(DIGITS));
  }
}
