/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.events.UserId;
import io.zcbot.sandbox.worker.audit.log.Coverage;
import io.zcbot.sandbox.worker.audit.log.RecordPosition;
import io.zcbot.sandbox.worker.audit.result.Check;
import io.zcbot.sandbox.worker.audit.result.Observation;
import io.zcbot.sandbox.worker.audit.result.Violation;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Locale;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * What all users of a fold share: the rules, the coverage of the log, the counters, and the
 * receiver of results.
 */
record FoldContext(Rules rules, Coverage known, Counters counters, Consumer<Observation> out) {
  /** The longest time that is counted; a longer one is the result of a wrong clock. */
  static final long MAX_MS = Duration.ofDays(36_500).toMillis();

  /** The time of a violation that the log does not limit. */
  static final long NO_END = Long.MAX_VALUE;

  void report(Observation finding) {
    out.accept(finding);
  }

  /**
   * Reports a violation whose own time does not matter, because it puts no sum of times in doubt.
   */
  void violation(Check check, @Nullable UserId user, String text, RecordPosition... evidence) {
    violation(check, user, NO_END, text, evidence);
  }

  /**
   * Reports a violation.
   *
   * @param until the latest time that it may concern, in milliseconds since 1970
   */
  void violation(
      Check check, @Nullable UserId user, long until, String text, RecordPosition... evidence) {
    counters.violation(check);
    Instant latest = until == NO_END ? Instant.MAX : Instant.ofEpochMilli(until);
    out.accept(new Violation(check, user, latest, text, List.of(evidence)));
  }

  static String seconds(long ms) {
    return String.format(Locale.ROOT, ms < 10_000 ? "%.1f s" : "%.0f s", ms / 1000.0);
  }
}
