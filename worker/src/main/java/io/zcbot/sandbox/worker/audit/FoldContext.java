/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit;

import io.zcbot.sandbox.events.Topic;
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
  /** Longest time that is counted: a longer one results from a wrong clock. */
  static final long MAX_MS = Duration.ofDays(36_500).toMillis();

  /** Of a violation that the log sets no end to. */
  static final long NO_END = Long.MAX_VALUE;

  void tell(Observation finding) {
    out.accept(finding);
  }

  /**
   * Tells of a violation that puts no sum of any time in doubt, so that its own does not matter.
   */
  void violation(Check check, @Nullable UserId user, String text, RecordPosition... evidence) {
    violation(check, user, NO_END, text, evidence);
  }

  /**
   * Tells of a violation.
   *
   * @param until the latest time that it may concern, in milliseconds since 1970
   */
  void violation(
      Check check, @Nullable UserId user, long until, String text, RecordPosition... evidence) {
    counters.violation(check);
    Instant latest = until == NO_END ? Instant.MAX : Instant.ofEpochMilli(until);
    out.accept(new Violation(check, user, latest, text, List.of(evidence)));
  }

  /** Whether all that one topic holds of a user from a time on is known; clocks count. */
  boolean isKnown(Topic topic, RecordPosition near, long time) {
    long since = known.of(topic, near.partition());
    return since == Long.MIN_VALUE || time - since > rules.skew().toMillis();
  }

  static String seconds(long ms) {
    return String.format(Locale.ROOT, ms < 10_000 ? "%.1f s" : "%.0f s", ms / 1000.0);
  }
}
