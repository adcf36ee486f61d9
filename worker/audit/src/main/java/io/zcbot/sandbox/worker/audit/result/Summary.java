/*
 * Copyright the zcbot sandbox worker authors.
 * SPDX-License-Identifier: Apache-2.0
 */
package io.zcbot.sandbox.worker.audit.result;

import io.zcbot.sandbox.events.Exited;
import io.zcbot.sandbox.events.Reaped;
import io.zcbot.sandbox.events.Topic;
import java.time.Instant;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The log in numbers.
 *
 * @param end up to when the log was judged
 */
public record Summary(
    Instant end,
    Records records,
    Ensures ensures,
    Sessions sessions,
    Commands commands,
    Map<Check, Long> violations) {

  /**
   * What was read.
   *
   * @param first earliest record time; null without records
   * @param last latest record time; null without records
   * @param repeated how many records repeated an event, per topic
   * @param unreadable how many records are no events
   */
  public record Records(
      @Nullable Instant first,
      @Nullable Instant last,
      Map<Topic, Long> read,
      Map<Topic, Long> repeated,
      long unreadable) {}

  /**
   * Ensures and their answers.
   *
   * @param count how many ensures, each event id once
   * @param open how many of them were unanswered at the end, whether or not that is a violation
   * @param answers how many of them were answered how: a ready's outcome or a failed's reason
   * @param latencies per outcome of a ready, from the ensure's record time to the ready's
   * @param tooks per outcome of a ready, as the worker took the time
   * @param answeredAgain how many answers came to an ensure that had another one already
   * @param answersWithoutEnsure how many answers name an ensure that is not in the log
   * @param answersBeforeEnsure how many answers are dated before their ensure: clocks are apart
   */
  public record Ensures(
      long count,
      long open,
      Map<String, Long> answers,
      Map<String, Latency> latencies,
      Map<String, Latency> tooks,
      long answeredAgain,
      long answersWithoutEnsure,
      long answersBeforeEnsure) {}

  /**
   * Sandboxes from their first ready to their reaped.
   *
   * @param ended how many ended with a known start
   * @param open how many were open at the end
   * @param reaps how many ended for which reason, each once
   * @param reapsWithoutReady how many reaped name a container that no ready names
   * @param activitiesOutside how many activities came while their user had no session
   */
  public record Sessions(
      long ended,
      long open,
      Map<Reaped.Reason, Long> reaps,
      long reapsWithoutReady,
      long activitiesOutside) {}

  /**
   * Commands and their answers.
   *
   * @param count how many execs, each event id once
   * @param open how many of them were unanswered at the end, whether or not that is a violation
   * @param answers how many of them were answered why
   * @param latencies of those that started, from the exec's record time to the exited's
   * @param outputBytes how much was streamed
   * @param answeredAgain how many answers came to an exec that had another one already
   * @param answersWithoutExec how many answers name an exec that is not in the log
   */
  public record Commands(
      long count,
      long open,
      Map<Exited.Reason, Long> answers,
      Map<Exited.Reason, Latency> latencies,
      long outputBytes,
      long answeredAgain,
      long answersWithoutExec) {}

  public long violationCount() {
    return violations.values().stream().mapToLong(Long::longValue).sum();
  }

  public long recordCount() {
    return records.read().values().stream().mapToLong(Long::longValue).sum();
  }
}
