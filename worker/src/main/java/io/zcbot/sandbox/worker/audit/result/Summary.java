/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.result;

import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The log in numbers.
 *
 * @param end up to when the log was judged
 * @param first earliest record time; null without records
 * @param last latest record time; null without records
 * @param ensures how many ensures, each event id once
 * @param unanswered how many of them were open at the end, whether or not that is a violation
 * @param answers how many of them were answered how: a ready's outcome or a failed's reason
 * @param latencies per outcome of a ready, from the ensure's record time to the ready's
 * @param tooks per outcome of a ready, as the worker took the time
 * @param sessions how many sessions ended with a known start
 * @param openSessions how many were open at the end
 * @param reaps how many sessions ended for which reason, each once
 * @param duplicates how many records repeated an event, per topic
 * @param answeredAgain how many answers came to an ensure that had another one already
 * @param answersWithoutEnsure how many answers name an ensure that is not in the log
 * @param answersBeforeEnsure how many answers are dated before their ensure: clocks are apart
 * @param reapsWithoutReady how many reaped name a container that no ready names
 * @param activitiesOutside how many activities came while their user had no session
 * @param unreadable how many records are no events
 */
public record Summary(
    Instant end,
    @Nullable Instant first,
    @Nullable Instant last,
    Map<Topic, Long> records,
    long ensures,
    long unanswered,
    Map<String, Long> answers,
    Map<String, Latency> latencies,
    Map<String, Latency> tooks,
    long sessions,
    long openSessions,
    Map<Reaped.Reason, Long> reaps,
    Map<Topic, Long> duplicates,
    long answeredAgain,
    long answersWithoutEnsure,
    long answersBeforeEnsure,
    long reapsWithoutReady,
    long activitiesOutside,
    long unreadable,
    Map<Check, Long> violations) {
  /** How many violations there are. */
  public long violationCount() {
    return violations.values().stream().mapToLong(Long::longValue).sum();
  }

  /** How many records were read. */
  public long recordCount() {
    return records.values().stream().mapToLong(Long::longValue).sum();
  }
}
